// The JSON API from a page: same origin, session cookie, CSRF header, problem+json errors.
import { hear } from "./clock.js";
import { text } from "./texts.js";

// A connection that died while the machine slept never answers, and never says so. A change may wait for a provider of
// the server's, ten seconds at the most.
const PATIENCE_MS = 12_000;
const PATIENCE_WITH_CHANGES_MS = 15_000;
// A photograph over a slow line.
const PATIENCE_WITH_FILES_MS = 120_000;

/** A refused or failed call. `status` is 0 and `code` "network" when no answer came; `isSilent` if all patience went into it. */
export class ApiError extends Error {
  constructor({ status, code, title, detail = "", context = {}, errors = [], retryAfter = null, isSilent = false }) {
    super(detail || title);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = detail;
    this.context = context;
    this.errors = errors;
    this.retryAfter = retryAfter;
    this.isSilent = isSilent;
  }
}

function csrfToken() {
  const cookie = document.cookie.match(/(?:^|; )(?:__Host-|__Secure-)?csrftoken=([^;]+)/);
  return cookie ? decodeURIComponent(cookie[1]) : "";
}

/** Prefixes a path relative to the API ("balances"); absolute paths ("/v1/models") stay. */
function address(path) {
  return path.startsWith("/") ? path : `/api/v1/${path}`;
}

/** What a refused or failed response says, as an ApiError. */
export async function refusalOf(response) {
  const body = await response.json().catch(() => ({}));
  const retryAfter = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiError({
    status: response.status,
    code: body.code ?? "unknown",
    title: body.title ?? text("request-failed"),
    detail: body.detail ?? "",
    context: body.context ?? {},
    errors: body.errors ?? [],
    retryAfter: Number.isNaN(retryAfter) ? null : retryAfter,
  });
}

/** A gateway's own 502 or 504 says nothing about what the server behind it did. */
const isOurs = (response) => response.headers.get("Content-Type")?.startsWith("application/problem+json") ?? false;

// The member whose page this is; the server refuses what a page of somebody else asks for.
const { member } = document.documentElement.dataset;

const isFile = (body) => body instanceof Blob;

function headersFor(method, body, idempotencyKey) {
  const headers = { Accept: "application/json" };
  if (member) headers["X-Member"] = member;
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body !== undefined) headers["Content-Type"] = isFile(body) ? body.type : "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  return headers;
}

/** A page that was made for another member than is signed in by now gives way to the one who is. */
function heed(refusal) {
  if (refusal.code === "another_member") location.reload();
  return refusal;
}

async function call(method, path, body, { idempotencyKey, signal } = {}) {
  const isReading = method === "GET";
  const patience = new AbortController();
  const giveUp = () => patience.abort();
  const patienceMs = isFile(body) ? PATIENCE_WITH_FILES_MS : PATIENCE_WITH_CHANGES_MS;
  const timer = setTimeout(giveUp, isReading ? PATIENCE_MS : patienceMs);
  signal?.addEventListener("abort", giveUp);
  const askedAt = performance.now();
  try {
    const response = await fetch(address(path), {
      method,
      headers: headersFor(method, body, idempotencyKey),
      signal: patience.signal,
      credentials: "same-origin",
      body: body === undefined || isFile(body) ? body : JSON.stringify(body),
    });
    hear(response.headers.get("Date"), performance.now() - askedAt);
    if (!response.ok && !isReading && !isOurs(response)) throw new Error("not an answer of ours");
    if (!response.ok) throw heed(await refusalOf(response));
    return response.status === 204 ? null : await response.json();
  } catch (error) {
    if (error instanceof ApiError || signal?.aborted) throw error;
    // An answer that was lost says nothing about whether the wish was carried out.
    const title = text(isReading ? "network" : "network-unsure");
    throw new ApiError({ status: 0, code: "network", title, isSilent: patience.signal.aborted });
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

export const api = {
  get: (path, options) => call("GET", path, undefined, options),
  post: (path, body = {}, options) => call("POST", path, body, options),
  put: (path, body, options) => call("PUT", path, body, options),
  patch: (path, body, options) => call("PATCH", path, body, options),
  delete: (path, { body, ...options } = {}) => call("DELETE", path, body, options),
};

/** A fresh Idempotency-Key. Make one per intention, and keep it while that intention is retried. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Plain http on a LAN address has no randomUUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
