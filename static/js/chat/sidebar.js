// The list of conversations: a new one appears, one is renamed or deleted, a search shows its hits.
import { api } from "../core/api.js";
import { ask } from "../core/dialog.js";
import { element } from "../core/dom.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";

const list = document.getElementById("conversations");
const hits = document.getElementById("search-hits");
const SEARCH_AFTER_MS = 250;

const itemOf = (id) => list.querySelector(`[data-conversation="${id}"]`);
const titleOf = (item) => item.querySelector(".chat-list__title");

/** Puts a conversation on top, made if it is new, and marks it as the one that is open. */
export function showCurrent({ id, title }) {
  const item = itemOf(id) ?? document.getElementById("conversation-template").content.firstElementChild.cloneNode(true);
  item.dataset.conversation = id;
  item.querySelector("a").href = `/chat/${id}/`;
  if (title) titleOf(item).textContent = title;
  for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  item.querySelector("a").setAttribute("aria-current", "page");
  if (!list.querySelector("ul")) list.append(element("ul", { class: "chat-list" }));
  list.querySelector("ul").prepend(item);
}

/** Shows on its line whether an answer is being written. */
export function setRunning(id, running) {
  const dot = itemOf(id)?.querySelector(".chat-list__dot");
  if (dot) dot.dataset.state = running ? "running" : "";
}

async function rename(item) {
  const input = document.getElementById("rename-input");
  input.value = titleOf(item).textContent;
  if ((await ask("rename-sheet")) !== "yes") return;
  const changed = await api.patch(`chat/conversations/${item.dataset.conversation}`, { title: input.value });
  titleOf(item).textContent = changed.title;
}

async function remove(item) {
  if ((await ask("delete-sheet")) !== "yes") return;
  await api.delete(`chat/conversations/${item.dataset.conversation}`);
  if (item.querySelector("[aria-current]")) location.assign("/chat/");
  else item.remove();
}

function hitLine(hit) {
  const title = element("span", { class: "chat-list__title" }, hit.snippet || hit.title || text("new-chat"));
  const link = element("a", { class: "chat-list__link", href: `/chat/${hit.conversation_id}/#m-${hit.message_id ?? ""}`, title: hit.title }, title);
  return element("li", { class: "chat-list__item" }, link);
}

async function search(words) {
  const isSearch = words.length > 0;
  hits.hidden = !isSearch;
  list.hidden = isSearch;
  if (!isSearch) {
    hits.replaceChildren();
    return;
  }
  const { results } = await api.get(`chat/conversations?q=${encodeURIComponent(words)}`);
  const lines = results.map(hitLine);
  hits.replaceChildren(...(lines.length ? lines : [element("li", { class: "chat-list__day" }, text("search-none"))]));
}

export function wireSidebar() {
  list.addEventListener("click", async (event) => {
    const act = event.target.closest("[data-rename]") ? rename : event.target.closest("[data-delete]") ? remove : null;
    if (!act) return;
    try {
      await act(event.target.closest("[data-conversation]"));
    } catch (error) {
      toast(error.message, "bad");
    }
  });
  let timer = 0;
  document.getElementById("chat-search").addEventListener("input", ({ target }) => {
    clearTimeout(timer);
    timer = setTimeout(() => search(target.value.trim()).catch((error) => toast(error.message, "bad")), SEARCH_AFTER_MS);
  });
}
