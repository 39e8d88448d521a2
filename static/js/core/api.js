// The JSON API from a page: same origin, session cookie, CSRF header, problem+json errors.
import { text } from "./texts.js";

/** A refused or failed call. `status` is 0 and `code` "network" when no answer came. */
export class ApiError extends Error {
  constructor({ status, code, title, detail = "", context = {}, errors = [], retryAfter = null }) {
    super(detail || title);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = detail;
    this.context = context;
    this.errors = errors;
    this.retryAfter = retryAfter;
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

async function problemOf(response) {
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

async function call(method, path, body, { idempotencyKey, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-CSRFToken"] = csrfToken();
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  let response;
  try {
    response = await fetch(address(path), {
      method,
      headers,
      signal,
      credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError({ status: 0, code: "network", title: text("network") });
  }
  if (!response.ok) throw await problemOf(response);
  return response.status === 204 ? null : response.json();
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
