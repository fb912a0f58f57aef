/** Short stories of the link, each played at both fidelities: for the test that they agree, and for the table in docs/railgun.md. */

export interface FidelityStory {
  readonly name: string;
  readonly text: string;
  /** Requests hang and are answered late. */
  readonly late?: boolean;
  /** Which pages are lost is chance, and not the same one at both fidelities. */
  readonly chance?: boolean;
}

/** With it no request arrives within 50 ms of a PING, which chance moves by as much, or is on its way when an origin's fault begins or ends. */
export const FIDELITY_SEED = '3';

const CONFIG = `config:
  version: 1
  load_balancers:
    - { name: news.example.com, proxied: true, default_pools: [near, far], fallback_pool: far, railgun: rg }
  pools:
    - { name: near, monitor: tcp, check_regions: [WEU], latitude: 48.86, longitude: 2.35, origins: [{ name: near-1, address: 192.0.2.1 }] }
    - { name: far, monitor: tcp, check_regions: [WEU], latitude: 39.04, longitude: -77.49, origins: [{ name: far-1, address: 192.0.2.2 }] }
  monitors:
    - { id: tcp, type: tcp, port: 443, interval: 10, timeout: 2, retries: 0 }
  railguns:
    - { name: rg, enabled: true, railgun_host: 192.0.2.10, activation_key: 0123456789abcdef0123456789abcdef }`;

function story(
  name: string,
  more: {
    railgun?: string;
    timeline?: readonly string[];
    rate?: string;
    pages?: readonly string[];
    delay?: string;
    clients?: string;
    duration?: string;
  },
): FidelityStory {
  const {
    railgun = '{ topology: in-front }',
    timeline = [],
    rate,
    pages = [],
    delay = '30ms',
    clients = 'rate: 6/s, pages: 8',
    duration = '3m',
  } = more;
  const text = `version: 1
name: '${name}'
${CONFIG}
seed: 1
start: 2026-03-01T12:00:00Z
duration: ${duration}
world:
  pops: [LHR, IAD]
  links: { edge-origin: { delay: ${delay}${rate === undefined ? '' : `, rate: ${rate}`} } }
  origins: { '*': { latency: 120ms } }
  railgun: ${railgun}
traffic:
  - clients: { count: 400, ${clients} }
${pages.map((line) => `  - { ${line} }\n`).join('')}timeline: [${timeline.map((line) => `{ ${line} }`).join(', ')}]
`;
  return { name, text };
}

export const FIDELITY_STORIES: readonly FidelityStory[] = [
  story('nothing happens', {}),
  story('a narrow link', { rate: '5Mbit' }),
  story('pages of a shop that change each half minute', { pages: ['pages: shop, every: 30s'] }),
  story('all kinds of pages', {
    pages: ['pages: account, every: 1m', 'pages: incidents', 'pages: forecast, every: 2m'],
  }),
  story('the listener is killed and comes back', { timeline: ['at: +1m, fault: kill, target: listener/1, for: 40s'] }),
  story('the listener freezes for half a minute', { timeline: ['at: +1m, fault: stop, target: listener/1, for: 30s'] }),
  {
    ...story('the listener freezes for three seconds', {
      timeline: ['at: +1m, fault: stop, target: listener/1, for: 3s'],
    }),
    late: true,
  },
  story('the listener drains', { timeline: ['at: +1m, fault: drain, target: listener/1, for: 30s'] }),
  story('a wrong token', {
    timeline: [
      'at: +1m, fault: kill, target: listener/1, for: 5s',
      'at: +1m, fault: wrong_token, target: listener/1, for: 1m',
    ],
    duration: '5m',
  }),
  story('the link is cut', { timeline: ['at: +1m, fault: cut, target: link, for: 25s'] }),
  story('a box on the way forgets the lanes', { timeline: ['at: +1m, fault: half_open'] }),
  story('the way grows longer', { timeline: ['at: +1m, fault: delay, target: link, add: 100ms, for: 1m'] }),
  {
    ...story('one of two stores is lost', {
      clients: 'rate: 12/s, pages: 60',
      railgun: '{ topology: in-front, memcached: { nodes: 2 } }',
      timeline: ['at: +1m, fault: lose_node, target: memcached/2, for: 1m'],
    }),
    chance: true,
  },
  story('the only store is lost', { timeline: ['at: +1m, fault: lose_node, target: memcached/1, for: 1m'] }),
  story('the stores are flushed', { timeline: ['at: +1m, fault: flush, target: memcached/1'] }),
  story('T3: a listener dies and is replaced', {
    railgun: '{ topology: behind-l4, listeners: 2, autoscale: { min: 2, replace_after: 1m }, memcached: { nodes: 2 } }',
    timeline: ['at: +1m, fault: kill, target: listener/1', 'at: +150s, fault: kill, target: listener/2'],
    duration: '5m',
  }),
  story('T2: separate stores', {
    railgun: '{ topology: behind, listeners: 3, memcached: { shared: false } }',
    timeline: [
      'at: +1m, fault: kill, target: listener/1, for: 20s',
      'at: +2m, fault: kill, target: listener/2, for: 20s',
    ],
  }),
  story('the origin refuses', { timeline: ['at: +1m, fault: refuse, target: pool/near, for: 1m'] }),
  story('the origin loses power', { timeline: ['at: +1m, fault: power_loss, target: pool/near, for: 1m'] }),
  story('the origin is slower than the listener waits', {
    timeline: ['at: +1m, fault: slow, target: pool/near, add: 40s, for: 20s'],
  }),
];
