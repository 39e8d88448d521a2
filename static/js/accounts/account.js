// The member's own page: avatar and nickname, language, signing out.
import { api } from "../core/api.js";
import { closeSheet } from "../core/dialog.js";
import { leave } from "../core/member.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const form = document.getElementById("profile-form");
const nickname = form.elements.nickname;
const state = document.getElementById("nickname-state");
const button = form.querySelector("button[type=submit]");
const picture = (code) => `/avatars/${code}.svg`;
const chosen = () => form.elements.shape.value + form.elements.colour.value;

function showError(message) {
  state.textContent = message;
  state.hidden = !message;
  nickname.setAttribute("aria-invalid", message ? "true" : "false");
}

/** Each choice shows what it would make of the present one. */
function drawChoices() {
  const [shape, colour] = chosen();
  document.getElementById("avatar-preview").src = picture(shape + colour);
  for (const input of form.querySelectorAll("input[type=radio]")) {
    input.nextElementSibling.src = picture(input.name === "shape" ? input.value + colour : shape + input.value);
  }
}

function showProfile(profile) {
  nickname.value = profile.nickname;
  form.dataset.avatar = profile.avatar;
  [form.elements.shape.value, form.elements.colour.value] = profile.avatar;
  drawChoices();
  document.getElementById("nickname").textContent = profile.nickname;
  for (const image of document.querySelectorAll("[data-my-avatar]")) image.src = picture(profile.avatar);
}

form.addEventListener("change", drawChoices);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  showError("");
  button.setAttribute("aria-busy", "true");
  try {
    showProfile(await api.patch("me", { nickname: nickname.value, avatar: chosen() }));
    closeSheet("profile-sheet");
    toast(text("saved"), "ok");
  } catch (error) {
    showError(error.errors?.nickname?.[0] ?? error.title);
    nickname.focus();
  } finally {
    button.removeAttribute("aria-busy");
  }
});

document.getElementById("languages").addEventListener("click", async (event) => {
  const choice = event.target.closest("[data-language]");
  if (!choice || choice.getAttribute("aria-pressed") === "true") return;
  try {
    await api.patch("me", { language: choice.dataset.language });
    location.reload();
  } catch (error) {
    toast(error.title, "bad");
  }
});

document.getElementById("logout").addEventListener("click", async () => {
  try {
    await api.post("auth/logout");
    leave("/");
  } catch (error) {
    toast(error.title, "bad");
  }
});

[form.elements.shape.value, form.elements.colour.value] = form.dataset.avatar;
drawChoices();
