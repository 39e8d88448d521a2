// The chat page: sends, follows, stops, and keeps its tabs alike.
import { api, newKey } from "../core/api.js";
import { openSheet } from "../core/dialog.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { currentText, focusInput, setMode, setText, wireComposer } from "./composer.js";
import { chosenModel, wireModels } from "./models.js";
import { setRunning, showCurrent, wireSidebar } from "./sidebar.js";
import { follow } from "./stream.js";
import { addAnswer, addQuestion, answerText, replaceWith, runningAnswer, scrollToEnd, wireTranscript } from "./transcript.js";

const chat = document.getElementById("chat");
const status = document.getElementById("chat-status");
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("chatloop:chat") : null;

let sending = false;
// The same words sent again after a failure are the same act: the server answers it once.
let attempt = { content: "", model: "", clientId: "" };
let conversationId = chat.dataset.conversation;
let stopFollowing = () => {};

const conversationPath = () => `chat/conversations/${conversationId}`;

function watch(message) {
  setMode("stop");
  setRunning(conversationId, true);
  status.textContent = text("answering");
  stopFollowing();
  stopFollowing = follow(message, ended);
}

function ended(message) {
  setMode("send");
  setRunning(conversationId, false);
  status.textContent = text(message.dataset.state === "finished" ? "answered" : "answer-ended");
  document.dispatchEvent(new CustomEvent("balances:changed"));
}

/** The conversation of this page; made now if this is its first message. */
async function ensureConversation() {
  if (!conversationId) conversationId = (await api.post("chat/conversations")).id;
}

/** The page stands for its conversation from now on. */
function settleAddress() {
  if (chat.dataset.conversation) return;
  setText(""); // the draft of "new" is sent
  chat.dataset.conversation = conversationId;
  history.pushState(null, "", `/chat/${conversationId}/`);
}

async function send() {
  const model = chosenModel();
  const content = currentText();
  if (sending || !model || !content.trim()) return;
  sending = true;
  if (attempt.content !== content || attempt.model !== model.id) attempt = { content, model: model.id, clientId: newKey() };
  const shown = [addQuestion(content), addAnswer(model.name)];
  setText("");
  scrollToEnd();
  try {
    await ensureConversation();
    const asked = await api.post(`${conversationPath()}/messages`, { content, model: model.id, client_id: attempt.clientId });
    attempt = { content: "", model: "", clientId: "" };
    settleAddress();
    begin(asked, ...shown);
  } catch (error) {
    for (const message of shown) message.remove();
    refused(error, content);
  } finally {
    sending = false;
  }
}

function begin(asked, question, answer) {
  question.dataset.message = asked.message.id;
  answer.dataset.message = asked.answer.id;
  answer.dataset.generation = asked.generation.id;
  showCurrent({ id: conversationId, title: document.querySelector(".message--mine") === question ? titleFrom(asked.message.content) : "" });
  watch(answer);
  tabs?.postMessage(conversationId);
}

/** As the server titles a conversation, so that the list is right without asking. */
function titleFrom(content) {
  const line = content.split(/\s+/).filter(Boolean).join(" ");
  const characters = [...line];
  return characters.length > 30 ? `${characters.slice(0, 30).join("")}…` : line;
}

function refused(error, content) {
  // What was typed meanwhile is not lost either.
  setText(currentText() ? `${content}\n${currentText()}` : content);
  if (error.code === "quota_exhausted") openSheet("topup-sheet");
  else toast(error.message, "bad");
  focusInput();
}

async function stop() {
  const message = runningAnswer();
  if (!message?.dataset.generation) return;
  try {
    await api.post(`chat/generations/${message.dataset.generation}/stop`);
  } catch (error) {
    toast(error.message, "bad");
  }
}

async function regenerate(message) {
  const model = chosenModel();
  if (sending || runningAnswer() || !model) return;
  sending = true;
  try {
    const address = `chat/messages/${message.dataset.message}/regenerate`;
    await api.post(address, { model: model.id }, { idempotencyKey: newKey() });
    await reload();
    tabs?.postMessage(conversationId);
  } catch (error) {
    if (error.code === "quota_exhausted") openSheet("topup-sheet");
    else toast(error.message, "bad");
  } finally {
    sending = false;
  }
}

async function showBranch(messageId) {
  if (!messageId || runningAnswer()) return;
  try {
    await api.patch(conversationPath(), { head_id: messageId });
    await reload();
  } catch (error) {
    toast(error.message, "bad");
  }
}

/** Takes the transcript as the server has it now, and follows what is being written. */
async function reload() {
  const response = await fetch(`/chat/${conversationId}/`, { credentials: "same-origin" });
  if (!response.ok) return;
  stopFollowing();
  replaceWith(new DOMParser().parseFromString(await response.text(), "text/html"));
  resume();
}

function resume() {
  const message = runningAnswer();
  if (message) watch(message);
  else setMode("send");
}

async function copy(value) {
  try {
    await navigator.clipboard.writeText(value);
    toast(text("copied"), "ok");
  } catch {
    toast(text("copy-failed"), "warn");
  }
}

function wireActions() {
  chat.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const message = button?.closest(".message");
    if (!button) return;
    if ("copyCode" in button.dataset) copy(button.closest(".code-block").querySelector("code").textContent);
    else if ("copyAnswer" in button.dataset) copy(answerText(message));
    else if ("regenerate" in button.dataset) regenerate(message);
    else if ("branch" in button.dataset) showBranch(button.dataset.branch);
    else if ("idea" in button.dataset) {
      setText(button.textContent.trim());
      focusInput();
    }
  });
  addEventListener("popstate", () => location.reload());
  tabs?.addEventListener("message", ({ data }) => {
    if (data === conversationId && !sending) reload();
  });
}

wireTranscript();
wireComposer({ send, stop });
wireModels({ isNewChat: !conversationId });
wireSidebar();
wireActions();
resume();
