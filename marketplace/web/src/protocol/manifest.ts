import { bytesToHex, concat, sha256, type Hex } from 'viem'

import { canonicalJson } from './canonical'

/** A file that a job produced, as the manifest names it. */
export interface Entry {
  readonly path: string
  readonly size: number
  readonly digest: string
}

/** The result digest: the Merkle root (RFC 9162 §2.1, SHA-256) over the entries of a manifest, in its order. */
export function manifestRoot(entries: readonly Entry[]): Hex {
  if (entries.length === 0) return sha256(new Uint8Array())
  const leaves = entries.map(({ path, size, digest }) => {
    const data = new TextEncoder().encode(canonicalJson({ path, size, digest }))
    return sha256(concat([new Uint8Array([0]), data]), 'bytes')
  })
  return bytesToHex(rootOf(leaves))
}

/** Whether paths ascend strictly, byte by byte, as a manifest's must: none is there twice. */
export function isInOrder(entries: readonly Entry[]): boolean {
  const paths = entries.map(({ path }) => bytesToHex(new TextEncoder().encode(path)))
  return paths.every((path, at) => at === 0 || paths[at - 1]! < path)
}

function rootOf(nodes: readonly Uint8Array[]): Uint8Array {
  if (nodes.length === 1) return nodes[0]!
  const middle = 2 ** Math.floor(Math.log2(nodes.length - 1))
  const [left, right] = [rootOf(nodes.slice(0, middle)), rootOf(nodes.slice(middle))]
  return sha256(concat([new Uint8Array([1]), left, right]), 'bytes')
}

/** Whether `data` is what `digest` names. */
export function isNamed(data: Uint8Array, digest: string): boolean {
  return sha256(data) === digest.toLowerCase()
}
