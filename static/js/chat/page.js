// The chat page: sends, follows, stops, and keeps its tabs alike.
import { api, newKey } from "../core/api.js";
import { copy } from "../core/clipboard.js";
import { ask, openSheet } from "../core/dialog.js";
import { element } from "../core/dom.js";
import { freshPage } from "../core/fresh_page.js";
import { Intentions } from "../core/intentions.js";
import { rememberChat } from "../core/last_chat.js";
import { tabsAbout } from "../core/tabs.js";
import { text } from "../core/texts.js";
import { toast } from "../core/toast.js";
import { follow } from "./answer_events.js";
import { currentText, focusInput, setMode, setText, wireComposer } from "./composer.js";
import { watchElsewhere } from "./elsewhere.js";
import { startAfresh } from "./fresh_start.js";
import { forgetQuestion, inherit, keepAttempt, keepModel, keptAttempt } from "./kept_question.js";
import { chosenModel, modelName, renewModels, seeingModels, wireModels } from "./models.js";
import { chosenPictures, clearPictures, picturesOf, restorePictures, wirePictures } from "./pictures.js";
import { wirePrompts } from "./prompts.js";
import { sized } from "./image_sizes.js";
import { report } from "./reports.js";
import { replaceListWith, setRunning, showCurrent, wireSidebar } from "./sidebar.js";
import { switched } from "./switches.js";
import { addAnswer, addQuestion, describe, identify, isDrawn, nameModel, writtenText, replaceWith, runningAnswer, scrollToEnd, wireTranscript } from "./transcript.js";

const chat = document.getElementById("chat");
const status = document.getElementById("chat-status");
const tabs = tabsAbout("chat");

// By answer and model: the click after a lost answer asks for the same new answer.
const newAnswers = new Intentions();

let sending = false;
// The same words sent again after a failure, even after the page was loaded again, are the same act: the server answers
// it once.
let attempt = keptAttempt();
let conversationId = chat.dataset.conversation;
// When the conversation was last written to, as far as this page shows it.
let shownUntil = Date.parse(chat.dataset.updatedAt);
let stopFollowing = () => {};
let lookElsewhere = () => {};

const conversationPath = () => `chat/conversations/${conversationId}`;

function watch(message) {
  setMode("stop");
  setRunning(conversationId, true);
  status.textContent = text(isDrawn(message) ? "drawing-status" : "answering");
  stopFollowing();
  // Signed out meanwhile, or erased on another device: the page as it is now says so.
  stopFollowing = follow(message, { ended, refused: () => location.reload() });
}

function ended(message) {
  setMode("send");
  setRunning(conversationId, false);
  const whole = isDrawn(message) ? "drawn" : "answered";
  status.textContent = text(message.dataset.state === "finished" ? whole : "answer-ended");
  // What was drawn is shown as the page has it when it is loaded again.
  if (isDrawn(message)) reload();
  document.dispatchEvent(new CustomEvent("balances:changed"));
}

/** The conversation of this page; made now if this is its first message and no earlier try made it. */
async function ensureConversation() {
  conversationId ||= attempt.conversation || (await api.post("chat/conversations")).id;
  attempt.conversation = conversationId;
  keepAttempt(attempt);
}

/** The address is that of a chat which is gone: what was not sent there begins a new one here. */
function replaceGone() {
  const gone = document.getElementById("gone");
  if (!gone) return;
  inherit(gone.dataset.conversation);
  history.replaceState(null, "", "/chat/");
}

/** The page stands for its conversation from now on. */
function settleAddress() {
  if (chat.dataset.conversation) return;
  document.getElementById("gone")?.remove();
  setText(""); // the draft of "new" is sent
  chat.dataset.conversation = conversationId;
  inherit(""); // what gave way to the prompt that was sent is not
  history.pushState(null, "", `/chat/${conversationId}/`);
  rememberChat();
}

async function send() {
  const model = chosenModel();
  const content = currentText();
  const pictures = chosenPictures();
  if (sending || !model || !(content.trim() || pictures.length)) return;
  if (pictures.length && !model.sees) return toast(whoSees(model), "bad");
  sending = true;
  // Also for another model: if the first try arrived after all, its answer is the one.
  const says = [content, ...pictures].join("\n");
  if (attempt?.content !== says) attempt = { content: says, clientId: newKey() };
  keepModel(model.id);
  const shown = [addQuestion(content), addAnswer(model)];
  if (pictures.length) shown[0].prepend(picturesOf(pictures));
  setText("");
  clearPictures();
  scrollToEnd();
  try {
    await ensureConversation();
    const asked = await api.post(`${conversationPath()}/messages`, {
      content,
      model: model.id,
      offer: model.offer,
      client_id: attempt.clientId,
      ...(pictures.length ? { pictures } : {}),
      ...switched(),
      ...sized(),
    });
    attempt = null;
    forgetQuestion();
    settleAddress();
    begin(asked, ...shown);
  } catch (error) {
    for (const message of shown) message.remove();
    restorePictures(pictures);
    refused(error, content);
  } finally {
    sending = false;
  }
}

/** What to say of a model that does not see: another one can be chosen for the same words and pictures. */
function whoSees(model) {
  const names = seeingModels().join(" · ");
  return names ? text("model-blind", { model: model.name, names }) : text("model-blind-all");
}

function begin(asked, question, answer) {
  if (document.querySelector(`[data-message="${asked.message.id}"]`)) {
    // Sent before, its answer lost on the way, and seen since.
    question.remove();
    answer.remove();
    reload();
    return;
  }
  shownUntil = Date.parse(asked.message.created_at);
  identify(question, asked.message.id);
  identify(answer, asked.answer.id);
  answer.dataset.generation = asked.generation.id;
  answer.dataset.shortened = asked.generation.is_shortened ? asked.generation.max_output_tokens : "";
  describe(answer);
  nameModel(answer, modelName(asked.generation.model));
  showCurrent({ id: conversationId });
  watch(answer);
  tabs.tell(conversationId);
  if (document.querySelector(".message--mine") === question) entitle();
}

/** The server titles a conversation by its first question: the page is named as it will be when it is loaded again. */
async function entitle() {
  const { title } = await api.get(conversationPath()).catch(() => ({})); // the list tells it later, then
  if (!title) return;
  showCurrent({ id: conversationId, title });
  document.title = [title, ...document.title.split(" · ").slice(-1)].join(" · ");
  const heading = chat.querySelector("h1") ?? element("h1", { class: "visually-hidden" });
  heading.textContent = title;
  chat.prepend(heading);
}

/** Tomorrow's free messages are a way out only for a model that they pay for. */
function askToTopUp() {
  document.getElementById("topup-wait")?.toggleAttribute("hidden", !chosenModel()?.isFreeDaily);
  openSheet("topup-sheet");
}

function refused(error, content) {
  // What was typed meanwhile is not lost either.
  setText(currentText() ? `${content}\n${currentText()}` : content);
  // What it was to be said in is erased: the next try begins anew, and the page as it is now says so.
  if (error.status === 404) keepAttempt((attempt = null));
  if (error.code === "conversation_not_found") return location.reload();
  if (error.code === "offer_changed") return askAtNewPrice(error, send);
  if (error.code === "quota_exhausted") askToTopUp();
  else toast(error.status === 0 ? text("question-unsure") : error.message, "bad");
  focusInput();
}

/** Nothing was asked: shows what the model asks by now, and goes on where the member says yes to that. */
async function askAtNewPrice(error, goOn) {
  const page = await pageNow();
  const price = page && renewModels(page);
  if (!price) return toast(error.message, "bad");
  document.getElementById("price-question").textContent = text("price-question", { model: chosenModel().name, price });
  if ((await ask("price-sheet")) === "yes") goOn();
}

/** Says what went wrong, and looks at once whether the whole chat is gone. */
function complain(error) {
  toast(error.code === "images_not_understood" ? whoSees(chosenModel()) : error.message, "bad");
  if (error.status === 404) lookElsewhere();
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
  const id = message.dataset.message;
  const asked = { model: model.id, ...switched(), ...sized() };
  const name = `${id} ${JSON.stringify(asked)}`;
  const send = ({ key }) => api.post(`chat/messages/${id}/regenerate`, { ...asked, offer: model.offer }, { idempotencyKey: key });
  const refusal = await newAnswers.carryOut(name, send).then(() => null, (error) => error);
  sending = false;
  if (refusal?.code === "offer_changed") return askAtNewPrice(refusal, () => regenerate(message));
  if (refusal?.code === "quota_exhausted") askToTopUp();
  else if (refusal) complain(refusal);
  if (refusal && !refusal.isUnsure) return;
  await reload();
  // Its answer was lost, but the new one has taken the old one's place.
  if (!document.querySelector(`[data-message="${id}"]`)) newAnswers.settle(name);
  tabs.tell(conversationId);
}

async function showBranch(messageId) {
  if (!messageId || runningAnswer()) return;
  try {
    await api.patch(conversationPath(), { head_id: messageId });
    await reload();
  } catch (error) {
    complain(error);
  }
}

async function beginAfresh(message, button) {
  if (sending || runningAnswer()) return;
  try {
    await startAfresh(conversationId, message, button);
  } catch (error) {
    complain(error);
  }
  await reload();
  tabs.tell(conversationId);
}

/** What somebody wrote is theirs; what a model wrote says so wherever it goes. */
const markedText = async (message) => `${await writtenText(message)}\n\n${chat.dataset.aiMark}`;

const pageNow = () => freshPage(`/chat/${chat.dataset.conversation ? `${conversationId}/` : ""}`);

/** Takes the transcript as the server has it now, and follows what is being written. */
async function reload() {
  const page = await pageNow();
  if (!page) return;
  stopFollowing();
  replaceWith(page);
  shownUntil = Date.parse(page.getElementById("chat").dataset.updatedAt);
  resume();
}

function changedElsewhere({ updated_at: updatedAt, running_generation_id: running }) {
  if (sending || !chat.dataset.conversation) return;
  const isShown = Date.parse(updatedAt) === shownUntil && (running ?? undefined) === runningAnswer()?.dataset.generation;
  if (!isShown) reload();
}

/** "Today" was yesterday: the list is grouped anew. */
async function groupAnew() {
  const page = await pageNow();
  if (page) replaceListWith(page);
}

function resume() {
  const message = runningAnswer();
  if (message) watch(message);
  else setMode("send");
}

function wireActions() {
  chat.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    const message = button?.closest(".message");
    if (!button) return;
    if ("copyCode" in button.dataset) copy(button.closest(".code-block").querySelector("code").textContent);
    else if ("copyAnswer" in button.dataset) copy(markedText(message));
    else if ("regenerate" in button.dataset) regenerate(message);
    else if ("freshStart" in button.dataset) beginAfresh(message, button);
    else if ("report" in button.dataset) report(message);
    else if ("branch" in button.dataset) showBranch(button.dataset.branch);
  });
  document.addEventListener("day:changed", groupAnew);
  addEventListener("popstate", () => location.reload());
  tabs.hear((changed) => {
    if (changed === conversationId && !sending) reload();
  });
}

// Its browser saves no files; what stands beside a picture says how it is kept there.
if (navigator.userAgent.includes("MicroMessenger")) chat.dataset.browser = "wechat";
replaceGone();
wireTranscript();
wireComposer({ send, stop });
wirePictures();
wirePrompts();
wireModels({ isNewChat: !conversationId });
wireSidebar();
wireActions();
rememberChat();
resume();
lookElsewhere = watchElsewhere({ current: () => conversationId, changed: changedElsewhere, gone: () => location.reload() });
