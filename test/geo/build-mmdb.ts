/**
 * A small writer of MaxMind DB files (format version 2.0, 24-bit records), so that tests can have files of any schema
 * without shipping any. Written from the public specification; no more of it than the tests need: maps of strings,
 * doubles and unsigned numbers.
 */
import ipaddr from 'ipaddr.js';

export interface MmdbPlan {
  readonly type: string;
  readonly ipVersion: 4 | 6;
  readonly networks: readonly (readonly [string, Readonly<Record<string, unknown>>])[];
}

type Node = [Node | number | undefined, Node | number | undefined];

export function buildMmdb(plan: MmdbPlan): Uint8Array {
  const root: Node = [undefined, undefined];
  const data: number[] = [];
  for (const [cidr, record] of plan.networks) {
    const [address, length] = ipaddr.parseCIDR(cidr);
    const bytes = address.toByteArray();
    // In an IPv6 tree an IPv4 network lies under 96 zero bits.
    const lead = plan.ipVersion === 6 && bytes.length === 4 ? 96 : 0;
    const bits = [
      ...Array<number>(lead).fill(0),
      ...bytes.flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((n) => (byte >> n) & 1)),
    ];
    const offset = data.length;
    data.push(...value(record));
    let node = root;
    for (let depth = 0; depth < lead + length; depth++) {
      const bit = bits[depth] as 0 | 1;
      if (depth === lead + length - 1) {
        node[bit] = offset;
      } else {
        if (!Array.isArray(node[bit])) node[bit] = [undefined, undefined];
        node = node[bit] as Node;
      }
    }
  }
  const nodes: Node[] = [];
  const number = new Map<Node, number>();
  const visit = (node: Node): void => {
    number.set(node, nodes.length);
    nodes.push(node);
    for (const next of node) if (Array.isArray(next)) visit(next);
  };
  visit(root);
  const tree: number[] = [];
  for (const node of nodes) {
    for (const next of node) {
      const record =
        next === undefined ? nodes.length : Array.isArray(next) ? number.get(next)! : nodes.length + 16 + next;
      tree.push((record >> 16) & 255, (record >> 8) & 255, record & 255);
    }
  }
  const metadata = value({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    build_epoch: 1_700_000_000,
    database_type: plan.type,
    ip_version: plan.ipVersion,
    node_count: nodes.length,
    record_size: 24,
  });
  const marker = [0xab, 0xcd, 0xef, ...new TextEncoder().encode('MaxMind.com')];
  return Uint8Array.from([...tree, ...Array<number>(16).fill(0), ...data, ...marker, ...metadata]);
}

function value(of: unknown): number[] {
  if (typeof of === 'string') {
    const bytes = new TextEncoder().encode(of);
    return [...control(2, bytes.length), ...bytes];
  }
  if (typeof of === 'number' && Number.isInteger(of) && of >= 0) {
    return [...control(6, 4), (of >>> 24) & 255, (of >>> 16) & 255, (of >>> 8) & 255, of & 255];
  }
  if (typeof of === 'number') {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, of);
    return [...control(3, 8), ...bytes];
  }
  const entries = Object.entries(of as object);
  return [...control(7, entries.length), ...entries.flatMap(([key, item]) => [...value(key), ...value(item)])];
}

function control(type: number, size: number): number[] {
  if (size >= 285) throw new Error('longer than tests need');
  return size < 29 ? [(type << 5) | size] : [(type << 5) | 29, size - 29];
}
