/**
 * `diagnose` of the control API, done by this edge: steering picks the origin as it would for a visitor, and one real request goes by
 * way of the link that was asked about, whether or not the zone uses it.
 */
import type { Diagnosis } from '../../api/diagnosis.ts';
import type { Railgun } from '../../core/model.ts';
import type { Http1Attempt, RailgunAttempt } from '../../edge/attempts.ts';
import { handleRequest, settle } from '../../edge/handle-request.ts';
import { RequestHead } from '../../http1/head.ts';
import { REQUEST_LIMITS } from '../../http1/limits.ts';
import { type Probed, probeDirect, probeLink, reasonOf } from '../../live/railgun/diagnose.ts';
import { parseCfRailgun } from '../../railgun/cf-railgun.ts';
import type { EdgeNode } from './node.ts';

export async function diagnose(node: EdgeNode, railgun: Railgun, host: string, path: string): Promise<Diagnosis> {
  const head = new RequestHead(REQUEST_LIMITS);
  const text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: switchyard-diagnose\r\n\r\n`;
  const bytes = Buffer.from(text, 'latin1');
  head.clear();
  head.parse(bytes, 0, bytes.length);
  const base = { host, url: `http://${host}${path}`, cacheStatus: undefined, link: undefined, target: '', ray: '' };
  const nothing = { ...base, status: 0, reason: '', elapsedUs: 0, bodyBytes: 0, bodyHash: '', hasLength: false };
  if (head.fault !== undefined) return { ...nothing, connectionClose: false, wanError: `bad request (${head.fault})` };
  const client = { address: '127.0.0.1', scheme: 'http', memo: undefined } as const;
  const made = handleRequest(node.edge, head, { ...client }, node.clock.now());
  if (made.kind === 'answer') {
    const body = Buffer.from(made.body);
    const reason = reasonOf(made.status);
    const facts = { status: made.status, reason, bodyBytes: body.length, hasLength: true, connectionClose: false };
    return { ...nothing, ...facts, wanError: 'the edge answers this by itself: no origin may serve it' };
  }
  try {
    const direct = made.attempt.kind === 'railgun' ? made.attempt.direct : made.attempt;
    const known = { ...base, ray: made.rayId, cacheStatus: 'DYNAMIC', target: `${direct.address}:${direct.port}` };
    const usable = railgun.host !== '' && railgun.activationKey !== '' && railgun.enabled;
    const why = usable ? undefined : railgun.enabled ? 'the railgun is not activated' : 'the railgun is switched off';
    const over = usable ? await overLink(node, railgun, direct, head, made.requestAdd) : undefined;
    if (over !== undefined && !('kind' in over)) {
      const header = over.fields.get('cf-railgun') ?? '';
      const said = parseCfRailgun(header);
      const link = said?.kind === 'link' ? { ratio: said.ratio, originTimeUs: said.originTimeUs, header } : undefined;
      return { ...known, ...factsOf(over), link, wanError: over.fault };
    }
    const straight = await probeDirect(direct, direct.host ?? host, path);
    const error = why ?? (over !== undefined ? `direct (${over.reason})` : undefined);
    return {
      ...known,
      ...factsOf(straight),
      wanError: straight.fault === undefined ? error : `${error}; ${straight.fault}`,
    };
  } finally {
    settle(node.edge, made);
  }
}

async function overLink(
  node: EdgeNode,
  railgun: Railgun,
  direct: Http1Attempt,
  head: RequestHead,
  add: string,
): ReturnType<typeof probeLink> {
  // A primary with workers has no links of its own until somebody asks for one.
  await node.railguns.use();
  const attempt: RailgunAttempt = { kind: 'railgun', host: direct.host, link: railgun, direct };
  const opening = (): boolean => {
    const lanes = node.railguns.transport?.links().get(railgun.id)?.laneStates;
    return lanes !== undefined && lanes.opening + lanes.open > 0;
  };
  return probeLink(node.railguns, attempt, head, add, opening);
}

function factsOf(
  probed: Probed,
): Pick<Diagnosis, 'status' | 'reason' | 'elapsedUs' | 'bodyBytes' | 'bodyHash' | 'hasLength' | 'connectionClose'> {
  const hasLength = probed.fields.has('content-length') || probed.fields.has('transfer-encoding');
  const { status, elapsedUs, bytes, hash, close } = probed;
  return {
    status,
    reason: reasonOf(status),
    elapsedUs,
    bodyBytes: bytes,
    bodyHash: hash,
    hasLength,
    connectionClose: close,
  };
}
