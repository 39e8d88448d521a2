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

function putOnTop({ id, title }) {
  const item = itemOf(id) ?? document.getElementById("conversation-template").content.firstElementChild.cloneNode(true);
  item.dataset.conversation = id;
  item.querySelector("a").href = `/chat/${id}/`;
  for (const file of item.querySelectorAll("[data-file]")) {
    file.href = `/api/v1/chat/conversations/${id}/file?type=${file.dataset.file}`;
  }
  if (title) titleOf(item).textContent = title;
  if (!list.querySelector("ul")) list.append(element("ul", { class: "chat-list" }));
  list.querySelector("ul").prepend(item);
  return item;
}

/** Puts a conversation on top, made if it is new, and marks it as the one that is open. */
export function showCurrent(conversation) {
  const item = putOnTop(conversation);
  for (const link of list.querySelectorAll("[aria-current]")) link.removeAttribute("aria-current");
  item.querySelector("a").setAttribute("aria-current", "page");
}

/** Shows on its line whether an answer is being written. */
export function setRunning(id, running) {
  const dot = itemOf(id)?.querySelector(".chat-list__dot");
  if (dot) dot.dataset.state = running ? "running" : "";
}

/** The conversations whose lines say that an answer is being written. */
export const runningIds = () =>
  [...list.querySelectorAll("[data-conversation]:has(.chat-list__dot[data-state=running])")].map((item) => item.dataset.conversation);

/** What other devices did: new lines, other titles, dots; with `isWhole`, lines that are gone. */
export function showAll(conversations, { isWhole }) {
  const listed = conversations.filter((each) => !each.is_archived);
  for (const each of [...listed].reverse()) {
    // Without a title nothing has been said in it yet.
    if (!itemOf(each.id) && each.title) putOnTop(each);
    if (each.title) titleOf(itemOf(each.id)).textContent = each.title;
    setRunning(each.id, each.running_generation_id !== null);
  }
  if (!isWhole) return;
  const kept = new Set(listed.map(({ id }) => id));
  for (const item of list.querySelectorAll("[data-conversation]")) {
    if (!kept.has(item.dataset.conversation) && !item.querySelector("[aria-current]")) item.remove();
  }
}

/** Takes the lines, and the words that group them by day, of a freshly fetched page. */
export function replaceListWith(page) {
  const fresh = page.getElementById("conversations");
  if (fresh) list.replaceChildren(...fresh.childNodes);
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
  await api.delete(`chat/conversations/${item.dataset.conversation}`).catch((error) => {
    if (error.status !== 404) throw error; // deleted on another device, as is wished here
  });
  if (item.querySelector("[aria-current]")) location.assign("/chat/");
  else {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    item.remove();
    (next?.querySelector("a") ?? document.getElementById("chat-search")).focus();
  }
}

function hitLine(hit) {
  const title = element("span", { class: "chat-list__title" }, hit.snippet || hit.title || text("new-chat"));
  const link = element("a", { class: "chat-list__link", href: `/chat/${hit.conversation_id}/#m-${hit.message_id ?? ""}`, title: hit.title }, title);
  return element("li", { class: "chat-list__item" }, link);
}

let searching = new AbortController();

async function search(words) {
  // The answer to older words may come later than that to newer ones.
  searching.abort();
  const { signal } = (searching = new AbortController());
  const isSearch = words.length > 0;
  hits.hidden = !isSearch;
  list.hidden = isSearch;
  if (!isSearch) {
    hits.replaceChildren();
    return;
  }
  const { results } = await api.get(`chat/conversations?q=${encodeURIComponent(words)}`, { signal });
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
  const box = document.getElementById("chat-search");
  let timer = 0;
  const searchSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      search(box.value.trim()).catch((error) => {
        if (error.name !== "AbortError") toast(error.message, "bad");
      });
    }, SEARCH_AFTER_MS);
  };
  box.addEventListener("input", searchSoon);
  if (box.value) searchSoon(); // typed before this script came
}
