// Pictures for the question in the box: chosen, pasted or dropped; kept with its words until it is sent.
import { api } from "../core/api.js";
import { element } from "../core/dom.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { setPictures } from "./composer.js";
import { keepPictures, keptPictures } from "./kept_question.js";

const chat = document.getElementById("chat");
const list = document.getElementById("composer-pictures");
const file = document.getElementById("composer-file");
const most = Number(chat.dataset.maxPictures);
const status = document.getElementById("chat-status");

export const addressOf = (id) => `/api/v1/chat/pictures/${id}`;

const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);
const items = () => [...list.children];
const isUploading = () => items().some((item) => !item.dataset.picture);

/** The ids of the pictures in the box, in their order. */
export const chosenPictures = () => items().map((item) => item.dataset.picture).filter(Boolean);

function changed() {
  list.hidden = !list.children.length;
  items().forEach((item, at) => {
    item.querySelector("img").alt = text("picture-chosen", { n: at + 1 });
    item.querySelector("button").setAttribute("aria-label", text("picture-remove", { n: at + 1 }));
  });
  setPictures({ count: list.children.length, isReady: !isUploading() });
  keepPictures(chosenPictures());
}

function add(address) {
  const item = clone("picture-template");
  if (address) item.querySelector("img").src = address;
  list.append(item);
  return item;
}

/** Until it has arrived it is shown as this browser has it, if it can show it. */
function preview(item, picture) {
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    if (!item.dataset.picture) item.querySelector("img").src = reader.result;
  });
  reader.readAsDataURL(picture);
}

let lastUpload = Promise.resolve();

/** Shown at once; sent when those chosen before it have arrived, since the server reads one member's one by one. */
function choose(picture) {
  const item = add();
  preview(item, picture);
  changed();
  lastUpload = lastUpload.then(() => item.isConnected && upload(item, picture));
}

async function upload(item, picture) {
  try {
    const { id } = await api.post("chat/pictures", picture);
    if (item.isConnected) {
      item.dataset.picture = id;
      item.querySelector("img").src = addressOf(id);
    } else api.delete(`chat/pictures/${id}`).catch(() => {}); // gone by itself in a day
    status.textContent = text("picture-added");
  } catch (error) {
    item.remove();
    toast(error.message, "bad");
  }
  changed();
}

/** Takes those of these files that are pictures, as many as a message may have; whether there was one. */
function take(files) {
  const pictures = [...files].filter(({ type }) => type.startsWith("image/"));
  const room = most - list.children.length;
  if (pictures.length > room) toast(text("picture-most", { n: most }), "bad");
  for (const picture of pictures.slice(0, Math.max(0, room))) choose(picture);
  return pictures.length > 0;
}

/** The question has left the box with its pictures. */
export function clearPictures() {
  list.replaceChildren();
  changed();
}

/** They are in the box again, before what was chosen meanwhile: their question was not sent. */
export function restorePictures(ids) {
  const meanwhile = items();
  for (const id of ids) add(addressOf(id)).dataset.picture = id;
  list.append(...meanwhile);
  changed();
}

/** What a question of this page shows above its words. */
export function picturesOf(ids) {
  const shown = element("ul", { class: "pictures" });
  ids.forEach((id, at) => {
    const image = element("img", { src: addressOf(id), alt: text("picture-shown", { n: at + 1 }) });
    const link = element("a", { href: addressOf(id), target: "_blank", rel: "noopener" });
    link.append(image);
    const item = element("li");
    item.append(link);
    shown.append(item);
  });
  return shown;
}

export function wirePictures() {
  document.getElementById("composer-attach").addEventListener("click", () => file.click());
  file.addEventListener("change", () => {
    take(file.files);
    file.value = "";
  });
  list.addEventListener("click", (event) => {
    const item = event.target.closest("button")?.closest("li");
    if (!item) return;
    item.remove();
    if (item.dataset.picture) api.delete(`chat/pictures/${item.dataset.picture}`).catch(() => {});
    changed();
    document.getElementById("composer-input").focus();
  });
  // One that is gone by now is no part of the question.
  list.addEventListener("error", (event) => {
    const item = event.target.closest("li");
    if (!item?.dataset.picture) return;
    item.remove();
    changed();
  }, true);
  const input = document.getElementById("composer-input");
  input.addEventListener("paste", (event) => {
    if (take(event.clipboardData.files)) event.preventDefault();
  });
  // Beside the chat, too: a browser would leave the page for the file.
  for (const name of ["dragover", "drop"]) {
    addEventListener(name, (event) => {
      if ([...(event.dataTransfer?.types ?? [])].includes("Files")) event.preventDefault();
    });
  }
  chat.addEventListener("drop", (event) => {
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  restorePictures(keptPictures());
}
