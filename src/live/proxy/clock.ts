/** The clock of the engine as a port, so that tests can let 899 seconds pass. The real one is monotonic. */
export interface ProxyClock {
  /** Milliseconds, with fractions, from any fixed point. */
  nowMs(): number;
  /** Call `run` about every `periodMs`; the result stops that. */
  every(periodMs: number, run: () => void): () => void;
}

export const realClock: ProxyClock = {
  nowMs: () => performance.now(),
  every(periodMs, run) {
    const timer = setInterval(run, periodMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};
