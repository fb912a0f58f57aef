/**
 * The page that Prometheus scrapes: counts (`counter-table.ts`), and those that other workers sent, laid into a registry of our own.
 * Loaded when the first scrape comes.
 */
import { Counter, Gauge, type Metric, Registry } from 'prom-client';
import type { Family, HistogramFamily, Samples } from './counter-table.ts';

export interface ScrapeOptions {
  readonly families: readonly Family[];
  readonly histograms: readonly HistogramFamily[];
}

/** Lays the sums of all samples out for Prometheus. Samples of unknown families are left out. */
export async function scrape(
  samples: readonly Samples[],
  options: ScrapeOptions,
): Promise<{ type: string; text: string }> {
  const registry = new Registry();
  const sums = new Map<string, number>();
  for (const list of samples)
    for (const [identity, value] of list) sums.set(identity, (sums.get(identity) ?? 0) + value);
  const byFamily = new Map<string, { labels: Record<string, string>; value: number }[]>();
  for (const [identity, value] of sums) {
    const [family = '', ...pairs] = identity.split('\n');
    const labels = Object.fromEntries(pairs.map((pair) => splitPair(pair)));
    const list = byFamily.get(family);
    if (list === undefined) byFamily.set(family, [{ labels, value }]);
    else list.push({ labels, value });
  }
  for (const { name, help, kind, labels } of options.families) {
    const config = { name, help, labelNames: [...labels], registers: [registry] };
    const metric = kind === 'counter' ? new Counter(config) : new Gauge(config);
    for (const each of byFamily.get(name) ?? []) metric.inc(each.labels, each.value);
  }
  for (const family of options.histograms) {
    registry.registerMetric(histogramMetric(family, byFamily) as unknown as Metric);
  }
  return { type: registry.contentType, text: await registry.metrics() };
}

/** prom-client has no way to set a histogram's counts; its registry takes anything that can `get` its values. */
function histogramMetric(
  { name, help, buckets }: HistogramFamily,
  byFamily: ReadonlyMap<string, { labels: Record<string, string>; value: number }[]>,
): object {
  const values: { labels: Record<string, string | number>; value: number; metricName: string }[] = [];
  for (const { labels, value } of byFamily.get(`${name}_count`) ?? []) {
    const mine = (other: Record<string, string>): boolean =>
      Object.entries(labels).every(([key, own]) => other[key] === own);
    let below = 0;
    for (const le of [...buckets.map(String), '+Inf']) {
      below +=
        byFamily.get(`${name}_bucket`)?.find((each) => each.labels['le'] === le && mine(each.labels))?.value ?? 0;
      values.push({ labels: { ...labels, le }, value: below, metricName: `${name}_bucket` });
    }
    const sum = byFamily.get(`${name}_sum`)?.find((each) => mine(each.labels))?.value ?? 0;
    values.push({ labels, value: sum, metricName: `${name}_sum` }, { labels, value, metricName: `${name}_count` });
  }
  const shown = { name, help, type: 'histogram', aggregator: 'sum', values };
  return { ...shown, get: () => Promise.resolve(shown), reset: () => {} };
}

function splitPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [pair.slice(0, at), pair.slice(at + 1)];
}
