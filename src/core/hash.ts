/**
 * Hashing of texts where everyone must agree: FNV-1a with murmur3's finaliser, uint32, with integer operations alone, so it is the same on
 * every machine. Not for secrets.
 */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return finalise(hash);
}

/** murmur3's last step: every bit of the value moves every bit of the hash. */
export function finalise(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
