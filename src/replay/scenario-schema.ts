/**
 * The shape of a scenario file, as zod schemas: what the JSON Schema for editors is made from, and the first of two passes over
 * a file. The second, in `scenario.ts`, turns texts such as `+3m` into numbers and checks what refers to what.
 */
import { z } from 'zod';

const duration = z.string().describe('A span: "90s", "5m", "1h30m", "12ms", or ISO 8601 "PT5M".');
const rate = z.string().describe('Per time: "400/s", "30/m".');
const bitrate = z.string().describe('"50Mbit", "1Gbit".');
const moment = z.string().describe('A moment: "+3m" from the start, "12:03" or "12:03:30" UTC, or RFC 3339.');
const share = z.union([z.string(), z.number()]).describe('A share: "40%" or 0.4.');

export const originTraits = z
  .strictObject({
    capacity: rate.optional().describe('Requests per second that the origin can serve; without it, any number.'),
    queue: z
      .number()
      .int()
      .min(0)
      .max(1_000_000)
      .optional()
      .describe('Requests that may wait before it answers 503. Default 100.'),
    latency: duration
      .optional()
      .describe('Time from request to answer at the origin, without the way there. Default 20ms.'),
    jitter: duration.optional().describe('Latency varies uniformly by this much each way. Default 0.'),
  })
  .describe('How one origin behaves.');

const fidelity = z
  .enum(['flow', 'wire'])
  .describe('flow: transfers are arithmetic. wire: real bytes through the real sender and listener. Default flow.');

const linkTraits = z.strictObject({
  delay: duration.optional().describe('One way. Default: from the distance between PoP and pool, else 10ms.'),
  rate: bitrate.optional().describe('Default: no limit.'),
});

const railgun = z
  .strictObject({
    topology: z
      .enum(['in-front', 'behind', 'behind-l4'])
      .optional()
      .describe('Where the listeners stand. Default in-front.'),
    listeners: z.number().int().min(1).max(64).optional().describe('Default 1.'),
    memcached: z
      .strictObject({
        nodes: z.number().int().min(1).max(64).optional(),
        shared: z.boolean().optional().describe('One store for all listeners. Default true.'),
        expiration: duration.optional().describe('Default 10m.'),
      })
      .optional(),
    maps: z
      .array(z.string())
      .max(64)
      .optional()
      .describe('railgun-nat.conf of each listener in turn, as text: "default = 192.0.2.11".'),
    stream_size: z.union([z.string(), z.number()]).optional().describe('Larger bodies stream untouched. Default 1MiB.'),
    autoscale: z
      .strictObject({ min: z.number().int().min(1).optional(), replace_after: duration.optional() })
      .optional()
      .describe('Dead listeners are replaced after this long. Default: never.'),
  })
  .describe('The Railgun link of balancers that have one.');

const startUp = z
  .strictObject({
    edge: duration.optional(),
    listener: duration.optional().describe('Also of one on the machine that replaces a dead one.'),
    memcached: duration.optional(),
    origin: duration.optional(),
  })
  .describe(
    'From the start of a process until it serves: so much later does come back what `crash`, `kill`, `drain`, `lose_node` or `power_loss` took away. Default 0. A drill measures it.',
  );

const world = z.strictObject({
  pops: z.array(z.string()).min(1).optional().describe('PoPs in use. Default: every PoP of the table.'),
  default_pop: z
    .string()
    .optional()
    .describe('Where a client is when nothing says so. Default: the first of `pops`, else LHR.'),
  country_of: z.enum(['pop', 'client']).optional().describe('Whose country `country_pools` looks at. Default pop.'),
  origins: z
    .record(z.string(), originTraits)
    .optional()
    .describe('By origin name, `POOL/ORIGIN`, or `*` for all others.'),
  links: z.record(z.string(), linkTraits).optional().describe('`edge-origin` is the way from every PoP to every pool.'),
  railgun: railgun.optional(),
  start_up: startUp.optional(),
  countries: z.record(z.string(), z.string()).optional().describe('Client address to country, before any geo file.'),
});

export const logSource = z.strictObject({
  log: z.string().describe('An access log: Common, combined, or Logpush NDJSON; also gzipped.'),
  host: z
    .string()
    .optional()
    .describe('Which balancer its requests go to. Default: the host in the line, else the first balancer.'),
  fidelity: fidelity.optional(),
  speed: z.number().positive().optional().describe('10 plays an hour in six minutes. Default 1.'),
  on_broken: z.enum(['count', 'fail']).optional().describe('What a line that cannot be read does. Default count.'),
  resolver_ttl: z
    .union([z.enum(['honour', 'ignore']), z.strictObject({ min: duration.optional(), max: duration.optional() })])
    .optional(),
});

export const pageSource = z
  .strictObject({
    pages: z
      .string()
      .describe('A kind of the generator (news, shop, account, incidents, forecast), or files: "./corpus/news-*".'),
    every: duration.optional().describe('A new version this often. Default 5m.'),
  })
  .describe('What the pages are that clients ask for: successive versions of real bytes.');

export const clientSource = z.strictObject({
  fidelity: fidelity.optional(),
  clients: z.strictObject({
    count: z.number().int().min(1).max(5_000_000).describe('How many different clients there are.'),
    rate: z
      .union([rate, z.array(z.strictObject({ at: moment, rate })).min(1)])
      .describe('Arrivals per second, open loop: they do not wait for answers. A list ramps from point to point.'),
    from: z
      .record(z.string(), z.number().positive())
      .optional()
      .describe('Parts per region, country or PoP. Default: one PoP each.'),
    sessions: duration.optional().describe('How long a visitor keeps its cookies before it is a new one. Default 30m.'),
    think: duration
      .optional()
      .describe('Mean pause between two requests of a session; sessions then arrive at random. Default: none.'),
    cookies: share.optional().describe('Share of clients that keep cookies. Default all.'),
    pages: z.number().int().min(1).max(1_000_000).optional().describe('Different pages they ask for. Default 100.'),
    page_bytes: z.union([z.string(), z.number()]).optional().describe('Default 92516.'),
    host: z.string().optional(),
    path: z.string().optional().describe('Path of every request, for rules. Default /.'),
    method: z.string().optional(),
    resolver_ttl: z
      .union([z.enum(['honour', 'ignore']), z.strictObject({ min: duration.optional(), max: duration.optional() })])
      .optional()
      .describe('What their resolvers do with the TTL of a DNS-only balancer. Default honour.'),
    resolvers: z
      .number()
      .int()
      .min(1)
      .max(100_000)
      .optional()
      .describe('Resolvers per PoP that they share. Default 4.'),
  }),
});

export const faultEvent = z
  .looseObject({
    at: moment,
    fault: z.string(),
    target: z.string().optional(),
    for: duration.optional().describe('Heals by itself after this long.'),
    note: z.string().optional(),
  })
  .describe('A fault begins. Its own parameters stand beside it.');
export const healEvent = z.strictObject({
  at: moment,
  heal: z.string().describe('`all`, a target, or a fault name.'),
  note: z.string().optional(),
});
export const setEvent = z.strictObject({
  at: moment,
  set: z
    .record(z.string(), z.record(z.string(), z.unknown()))
    .describe('Target to changed fields, as a PATCH of the API.'),
  note: z.string().optional(),
});
export const noteEvent = z.strictObject({ at: moment, note: z.string() });

const allowance = z
  .string()
  .describe('"10%", "2s", "3", or several with "or": the largest holds. "any" is not judged.');

const drillSettings = z
  .strictObject({
    fidelity: z
      .strictObject({
        detect: allowance.optional().describe('Time until health noticed. Default "10% or one interval".'),
        decide: allowance
          .optional()
          .describe('Time until nothing was sent there any more. Default "10% or one interval".'),
        recover: allowance.optional().describe('Time until the last failed request. Default "10% or one interval".'),
        back: allowance.optional().describe('Time from the heal until health was good. Default "10% or one interval".'),
        failed: allowance.optional().describe('Failed requests, in all and by cause. Default "10% or 3".'),
        share: allowance.optional().describe('Share of each pool, in points. Default "2%".'),
        sessions: allowance.optional().describe('Sessions kept, moved, lost. Default "any".'),
        wan_bytes: allowance.optional().describe('Bytes over the link. Default "5%".'),
        p50: allowance.optional().describe('Default "any".'),
        p99: allowance.optional().describe('Default "any".'),
        p999: allowance.optional().describe('Default "any".'),
      })
      .optional()
      .describe('How far a drill may be from the prediction of the replay; beyond it the check `fidelity` fails.'),
    origins: z
      .record(z.string(), z.string())
      .optional()
      .describe(
        'Address book: POOL/ORIGIN to HOST:PORT of a server that stands already, as with --origin, which goes before it. A replay does not read it.',
      ),
  })
  .describe('What only a drill asks of a scenario.');

export const scenarioSchema = z
  .strictObject({
    $schema: z.string().optional(),
    version: z.literal(1),
    name: z.string().min(1).max(200),
    description: z.string().optional(),
    config: z
      .union([z.string(), z.looseObject({})])
      .describe('A configuration file beside this one, or the configuration itself.'),
    seed: z.union([z.number().int(), z.string()]).optional().describe('Default 1.'),
    start: z.string().optional().describe('RFC 3339. Default: the first line of the log, else 2026-01-01T00:00:00Z.'),
    duration: duration.optional().describe('Default: to the end of the log, else 10m.'),
    fidelity: fidelity.optional().describe('Of traffic that does not say its own.'),
    resolution: duration
      .optional()
      .describe('Width of a bucket in series and checks. Default: from the duration, 1s up to an hour.'),
    trace: z
      .enum(['all', 'notable', 'none'])
      .optional()
      .describe('Which requests get a line in events.ndjson. Default notable.'),
    world: world.optional(),
    traffic: z.array(z.union([logSource, clientSource, pageSource])).min(1),
    timeline: z.array(z.union([faultEvent, healEvent, setEvent, noteEvent])).optional(),
    checks: z.array(z.string()).optional(),
    drill: drillSettings.optional(),
    stop_if: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Checks that stop a live drill. A replay only warns.'),
  })
  .describe('A Switchyard scenario: one story to replay or to drill.');

/** The same with entries unread: each entry is then checked against the one shape it is meant to have, for better complaints. */
export const scenarioShell = scenarioSchema.extend({
  traffic: z.array(z.looseObject({})).min(1),
  timeline: z.array(z.looseObject({ at: moment })).optional(),
});

export type RawShell = z.infer<typeof scenarioShell>;
export type RawWorld = z.infer<typeof world>;
export type RawLog = z.infer<typeof logSource>;
export type RawClients = z.infer<typeof clientSource>['clients'];
