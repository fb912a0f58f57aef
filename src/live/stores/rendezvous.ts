/**
 * Which node a key lives on: weighted rendezvous hashing. Each node has a score for each key, and the highest wins. A node that
 * goes takes only its own keys with it, a new one takes its share from all alike, and the order in which nodes are listed is of no
 * matter (RG-059, RG-116).
 *
 *     score = -weight / ln(u)     u in (0, 1) from SHA-1(node, key)
 *
 * gives each node its weight's share of the keys: -ln(u) / weight is an exponential variable with rate `weight`, and the smallest
 * of several is the first with probability weight / sum of weights.
 */
import { hash } from 'node:crypto';

export interface WeightedNode {
  /** What tells it from the others, the same on every machine that shares the nodes. */
  readonly name: string;
  /** Above 0. */
  readonly weight: number;
}

function score(node: WeightedNode, key: string): number {
  const digest = hash('sha1', `${node.name}\n${key}`, 'buffer');
  // 48 bits, moved off both ends, where the logarithm has no use.
  const u = (digest.readUIntBE(0, 6) + 0.5) / 2 ** 48;
  return -node.weight / Math.log(u);
}

/** The node with the highest score among those that `usable` lets through; equal scores go to the lesser name. */
export function chooseNode<Node extends WeightedNode>(
  nodes: readonly Node[],
  key: string,
  usable: (node: Node) => boolean,
): Node | undefined {
  let best: Node | undefined;
  let bestScore = 0;
  for (const node of nodes) {
    if (!usable(node)) continue;
    const here = score(node, key);
    if (best !== undefined && (here < bestScore || (here === bestScore && node.name > best.name))) continue;
    best = node;
    bestScore = here;
  }
  return best;
}
