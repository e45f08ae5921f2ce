import { moduleRegistryAbi, type AddressBook } from '@computehive/contracts'
import type { Address, Hex, PublicClient } from 'viem'

/** A name of the registry. Texts are their author's: nothing but text. */
export interface ModuleName {
  readonly name: string
  readonly owner: Address
  /** Null where every version is deprecated. */
  readonly latest: string | null
  readonly releases: number
  /** Unix seconds. */
  readonly claimedAt: number
  /** Of the whole name. */
  readonly isDeprecated: boolean
  readonly warning: string
}

/** One version of a name, which never changes but for its warning. */
export interface Release {
  readonly version: string
  /** SHA-256 of the module's bytes. */
  readonly digest: Hex
  readonly publisher: Address
  readonly publishedAt: number
  readonly isDeprecated: boolean
  readonly warning: string
  readonly metadataUri: string
  /** Null where there is no metadata. */
  readonly metadataDigest: Hex | null
}

/** Names or releases of one call. */
const PAGE = 50n
/** Names, or versions of one, that are read at most. */
export const MOST = 1_000

interface Read<T> {
  readonly found: readonly T[]
  /** Whether there are more than are read. */
  readonly isCut: boolean
}

const NAME = /^[a-z0-9]+(-[a-z0-9]+)*$/

/** Whether the registry would take this name. */
export function isName(text: string): boolean {
  return text.length >= 3 && text.length <= 32 && NAME.test(text)
}

/** `1.4.0` as the contract takes it; null of what is no version. */
export function parseVersion(text: string): { major: bigint; minor: bigint; patch: bigint } | null {
  const found = /^(0|[1-9]\d{0,19})\.(0|[1-9]\d{0,19})\.(0|[1-9]\d{0,19})$/.exec(text)
  if (!found) return null
  const [major, minor, patch] = [BigInt(found[1]!), BigInt(found[2]!), BigInt(found[3]!)]
  return [major, minor, patch].some((part) => part >= 2n ** 64n) || major + minor + patch === 0n ? null : { major, minor, patch }
}

/** All names, in the order in which they were claimed. */
export async function readModules(node: PublicClient, { contracts }: AddressBook): Promise<Read<ModuleName>> {
  const registry = { address: contracts.ModuleRegistry, abi: moduleRegistryAbi } as const
  const { found, isCut } = await paged((offset) => node.readContract({ ...registry, functionName: 'modules', args: [offset, PAGE] }))
  return {
    isCut,
    found: found.map(({ name, owner, latest, releaseCount, claimedAt, deprecated, warning }) => ({
      name,
      owner,
      latest: versionOf(latest) === '0.0.0' ? null : versionOf(latest),
      releases: Number(releaseCount),
      claimedAt: Number(claimedAt),
      isDeprecated: deprecated,
      warning,
    })),
  }
}

/** The versions of a name, greatest first. Throws where there is no such name. */
export async function readReleases(node: PublicClient, { contracts }: AddressBook, name: string): Promise<Read<Release>> {
  const registry = { address: contracts.ModuleRegistry, abi: moduleRegistryAbi } as const
  const { found, isCut } = await paged((offset) => node.readContract({ ...registry, functionName: 'releases', args: [name, offset, PAGE] }))
  return { isCut, found: [...found].sort((one, other) => compare(other.version, one.version)).map(releaseOf) }
}

/** One version. Throws where there is none. */
export async function readRelease(node: PublicClient, { contracts }: AddressBook, name: string, version: string): Promise<Release> {
  const args = [name, parseVersion(version)!] as const
  return releaseOf(await node.readContract({ address: contracts.ModuleRegistry, abi: moduleRegistryAbi, functionName: 'release', args }))
}

interface Written {
  readonly version: WrittenVersion
  readonly digest: Hex
  readonly metadataDigest: Hex
  readonly publisher: Address
  readonly publishedAt: bigint
  readonly deprecated: boolean
  readonly metadataUri: string
  readonly warning: string
}

interface WrittenVersion {
  readonly major: bigint
  readonly minor: bigint
  readonly patch: bigint
}

function releaseOf({ version, digest, metadataDigest, publisher, publishedAt, deprecated, metadataUri, warning }: Written): Release {
  const hasMetadata = BigInt(metadataDigest) !== 0n
  return {
    version: versionOf(version),
    digest,
    publisher,
    publishedAt: Number(publishedAt),
    isDeprecated: deprecated,
    warning,
    metadataUri: hasMetadata ? metadataUri : '',
    metadataDigest: hasMetadata ? metadataDigest : null,
  }
}

function versionOf({ major, minor, patch }: WrittenVersion): string {
  return `${major}.${minor}.${patch}`
}

function compare(one: WrittenVersion, other: WrittenVersion): number {
  const [part] = [one.major - other.major, one.minor - other.minor, one.patch - other.patch].filter((difference) => difference !== 0n)
  return part === undefined ? 0 : part < 0n ? -1 : 1
}

async function paged<T>(fetch: (offset: bigint) => Promise<readonly T[]>): Promise<Read<T>> {
  const found: T[] = []
  while (found.length < MOST) {
    const page = await fetch(BigInt(found.length))
    found.push(...page)
    if (BigInt(page.length) < PAGE) return { found, isCut: false }
  }
  return { found, isCut: true }
}
