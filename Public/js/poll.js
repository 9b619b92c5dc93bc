// Live means polling for now: one request after another, only while the page is visible.

const steady = 1_000;
const longest = 15_000;

/**
 * Calls `work(signal)` about once a second until stopped. After a failure it calls `failed(error, pause)` and waits
 * twice as long each time, up to a quarter of a minute; the first success brings it back to a second.
 * Returns `{stop, now}`.
 */
export function poll(work, failed) {
  const stopping = new AbortController();
  let pause = steady;
  let timer = null;
  let busy = false;

  async function round() {
    timer = null;
    if (busy || document.hidden || stopping.signal.aborted) return;
    busy = true;
    try {
      await work(stopping.signal);
      pause = steady;
    } catch (error) {
      if (stopping.signal.aborted) return;
      pause = Math.min(pause * 2, longest);
      failed(error, pause);
    } finally {
      busy = false;
    }
    if (!stopping.signal.aborted) timer = setTimeout(round, pause);
  }

  function now() {
    clearTimeout(timer);
    return round();
  }

  document.addEventListener("visibilitychange", now, { signal: stopping.signal });
  addEventListener("online", now, { signal: stopping.signal });
  now();
  return {
    now,
    stop() {
      clearTimeout(timer);
      stopping.abort();
    },
  };
}
