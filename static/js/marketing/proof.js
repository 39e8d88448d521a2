// Recomputing a draw, as docs/algorithms/draw.md says; no server is asked.

const WORD_BYTES = 8;
const SPACE = 2n ** 64n;

const encode = (words) => new TextEncoder().encode(words);
const toHex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

async function sha256(bytes) {
  return toHex(await crypto.subtle.digest("SHA-256", bytes));
}

export const seedHash = (serverSeed) => sha256(fromHex(serverSeed));
export const contentHash = (content) => sha256(encode(content));

async function hmac(serverSeed, message) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", fromHex(serverSeed), algorithm, false, ["sign"]);
  return new DataView(await crypto.subtle.sign("HMAC", key, encode(message)));
}

export const messageOf = (proof) => `${proof.version}|${proof.client_seed}|${proof.nonce}`;

/** The roll in 0..declared_total-1 that the seeds lead to. */
export async function rollOf(proof) {
  const total = BigInt(proof.declared_total);
  const limit = SPACE - (SPACE % total);
  for (let attempt = 0; ; attempt += 1) {
    const digest = await hmac(proof.server_seed, messageOf(proof) + (attempt ? `|${attempt}` : ""));
    for (let at = 0; at < digest.byteLength; at += WORD_BYTES) {
      const candidate = digest.getBigUint64(at);
      if (candidate < limit) return Number(candidate % total);
    }
  }
}

/** The prize that a roll belongs to, from the published content alone. */
export function prizeOf(content, roll) {
  let bound = 0;
  for (const prize of JSON.parse(content).prizes) {
    bound += prize.weight;
    if (roll < bound) return prize;
  }
  return null;
}

export const fallbackOf = (content) => JSON.parse(content).prizes.find((prize) => prize.fallback);
