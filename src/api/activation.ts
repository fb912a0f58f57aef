/**
 * How a listener makes itself known (spec 2.3, 6.2): it posts its activation token, the address under which lanes reach it, and a
 * request for a certificate; the Railgun becomes active. The token is all the authority there is, so these routes want no other.
 *
 *   activate    INI ─► V: the address goes into the configuration where that has none, a certificate comes back
 *   heartbeat   still there? A token that was deleted meanwhile is told so
 *   deactivate  a listener that drains says goodbye; with the last one of a token the Railgun is inactive
 *
 * Several listeners may share a token (RG-089): none is registered by itself. Which are there is all that this file remembers.
 * Our choice: the certificate is for a name under `railgun.internal`; the service's domain for it is not ours to use.
 */
import { timingSafeEqual } from 'node:crypto';
import type { Context, Hono } from 'hono';
import { toRfc3339 } from '../core/time.ts';
import type { ApiPorts, Plain } from './ports.ts';
import { boundedText } from './read-body.ts';
import { idOf, listOf, replaced, text, withSection } from './written.ts';

/** Listeners of one token; an autoscaling group has a handful, and one that dies without a word leaves its entry. */
const INSTANCES_MAX = 1_000;
/** A certificate request has about 600 bytes. */
const FORM_BYTES_MAX = 16_384;
const REFUSED = 'Invalid or missing railgun token or tag';

interface Known {
  /** Our entry came from a listener, so a listener may change it. */
  addressLearnt: boolean;
  readonly instances: Set<string>;
}

export function activationRoutes(app: Hono, ports: ApiPorts): void {
  const known = new Map<string, Known>();
  const memoryOf = (id: string): Known => {
    const found = known.get(id) ?? { addressLearnt: false, instances: new Set<string>() };
    known.set(id, found);
    return found;
  };
  const base = '/api/v2/railgun';

  app.post(`${base}/activate`, async (c) => {
    const form = await readForm(c);
    const before = byToken(ports.current().written, form.get('rtkn') ?? '');
    if (before === undefined) return told(c, 'activate', 403, REFUSED);
    const id = idOf(before);
    const request = form.get('csr');
    // Signed before anything changes, so that what is changed below is what is in force at that moment.
    const certificate = request === undefined ? '' : await ports.sign(request, `${id.slice(0, 32)}.railgun.internal`);
    if (certificate === undefined) return told(c, 'activate', 400, 'the certificate request is none');
    const { written } = ports.current();
    const railgun = byToken(written, form.get('rtkn') ?? '');
    if (railgun === undefined) return told(c, 'activate', 403, REFUSED);
    const memory = memoryOf(id);
    const own = text(railgun, 'railgun_host');
    const learns = own === '' || memory.addressLearnt;
    const host = learns ? (form.get('host') ?? '') : own;
    if (host === '')
      return told(c, 'activate', 400, 'activation.railgun_host is missing: nobody would know where to open lanes');
    const port = Number(form.get('port') ?? 0);
    const address = learns ? { railgun_host: host, ...(port > 0 ? { port } : {}) } : {};
    const at = toRfc3339(ports.now());
    const active = {
      ...railgun,
      ...address,
      status: 'active',
      activated_on: at,
      modified_on: at,
      build: form.get('build') ?? '',
      version: form.get('version') ?? '',
      revision: form.get('build') ?? '',
    };
    const after = withSection(written, 'railguns', replaced(listOf(written, 'railguns'), railgun, active));
    const refused = ports.change(after, `railgun ${text(railgun, 'name')} was activated`);
    if (refused !== undefined) return told(c, 'activate', 400, refused.problems[0]?.message ?? 'refused');
    memory.addressLearnt = learns;
    remember(memory, form.get('instance') ?? '');
    ports.tell({ railgun: id, state: 'active', text: `railgun ${text(railgun, 'name')} was activated` });
    return answered(c, 'activate', { ...recordOf(active, 'V'), certificate });
  });

  app.post(`${base}/heartbeat`, async (c) => {
    const form = await readForm(c);
    const railgun = byToken(ports.current().written, form.get('rtkn') ?? '');
    if (railgun === undefined) return told(c, 'heartbeat', 403, REFUSED);
    remember(memoryOf(idOf(railgun)), form.get('instance') ?? '');
    return answered(c, 'heartbeat', recordOf(railgun, text(railgun, 'status') === 'initializing' ? 'INI' : 'V'));
  });

  app.post(`${base}/deactivate`, async (c) => {
    const form = await readForm(c);
    const { written } = ports.current();
    const railgun = byToken(written, form.get('rtkn') ?? '');
    if (railgun === undefined) return told(c, 'deactivate', 403, REFUSED);
    const { instances } = memoryOf(idOf(railgun));
    instances.delete(form.get('instance') ?? '');
    if (instances.size > 0) return answered(c, 'deactivate', recordOf(railgun, 'V'));
    const inactive = { ...railgun, status: 'inactive', modified_on: toRfc3339(ports.now()) };
    ports.change(
      withSection(written, 'railguns', replaced(listOf(written, 'railguns'), railgun, inactive)),
      `railgun ${text(railgun, 'name')} has no listener any more`,
    );
    ports.tell({
      railgun: idOf(railgun),
      state: 'inactive',
      text: `the last listener of railgun ${text(railgun, 'name')} said goodbye`,
    });
    return answered(c, 'deactivate', recordOf(inactive, 'D'));
  });
}

/** Every token is compared, and each in the same time, whatever was sent. */
function byToken(written: Plain, token: string): Plain | undefined {
  if (token === '') return undefined;
  const given = Buffer.from(token);
  return listOf(written, 'railguns').filter((railgun) => {
    const own = Buffer.from(text(railgun, 'activation_key'));
    return own.length === given.length && timingSafeEqual(own, given);
  })[0];
}

function remember({ instances }: Known, instance: string): void {
  if (instances.size < INSTANCES_MAX) instances.add(instance);
}

/** The names of the records of v2. */
function recordOf(railgun: Plain, status: 'INI' | 'V' | 'D'): Plain {
  return {
    railgun_id: idOf(railgun),
    railgun_name: text(railgun, 'name'),
    railgun_pubname: text(railgun, 'railgun_host'),
    railgun_status: status,
    railgun_port: railgun['port'] ?? 2408,
    railgun_activated_on: text(railgun, 'activated_on'),
    props: { build: text(railgun, 'build'), number: text(railgun, 'version'), revision: text(railgun, 'revision') },
  };
}

function answered(c: Context, act: string, railgun: Plain): Response {
  return c.json({ msg: null, result: 'success', response: { act: `railgun_${act}`, railgun } });
}

function told(c: Context, act: string, status: 400 | 403, msg: string): Response {
  return c.json({ msg, result: 'error', response: { act: `railgun_${act}` } }, status);
}

/** Empty when it is too long: then there is no token in it either. */
async function readForm(c: Context): Promise<ReadonlyMap<string, string>> {
  return new Map(new URLSearchParams((await boundedText(c, FORM_BYTES_MAX)) ?? ''));
}
