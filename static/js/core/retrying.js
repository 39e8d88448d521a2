// When a question that failed is asked again, if at all.
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/** Milliseconds until the next try: longer after each failure, never for ever, never all pages at once. */
export function pauseAfter(failures, error) {
  const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
  return Math.max(pause * (0.75 + Math.random() / 2), (error?.retryAfter ?? 0) * 1000);
}

/** Will the same question be answered later? A refusal will not change by asking again. */
export const isPassing = ({ status }) => status === 0 || status === 408 || status === 425 || status === 429 || status >= 500;
