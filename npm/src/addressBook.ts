import { contractNames } from './generated/abis.js'

/** 0x and 40 hex digits. */
export type Address = `0x${string}`

/** One deployment, as `scripts/deploy.py` writes it and a market's `/api/v1/config` repeats it. */
export interface AddressBook {
  readonly network: string
  readonly chainId: number
  /** No event is older than this block. */
  readonly deployedAtBlock: number
  readonly contracts: Readonly<Record<ContractName, Address>>
}

/** A contract that an address book names. */
export type ContractName = (typeof contractNames)[number]

/** The address book in a JSON document. Throws an Error that says what is missing or wrong. */
export function parseAddressBook(document: unknown): AddressBook {
  const { network, chainId, deployedAtBlock, contracts } = objectOf(document, 'the address book')
  if (typeof network !== 'string') throw new Error('network is not a text')
  if (!Number.isSafeInteger(chainId)) throw new Error('chainId is not a number')
  if (!Number.isSafeInteger(deployedAtBlock)) throw new Error('deployedAtBlock is not a number')
  const given = objectOf(contracts, 'contracts')
  const found = {} as Record<ContractName, Address>
  for (const name of contractNames) found[name] = addressOf(given[name], `contracts.${name}`)
  return { network, chainId: chainId as number, deployedAtBlock: deployedAtBlock as number, contracts: found }
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null) throw new Error(`${what} is not an object`)
  return value as Record<string, unknown>
}

function addressOf(value: unknown, what: string): Address {
  if (typeof value !== 'string' || !/^0x[0-9a-fA-F]{40}$/.test(value)) throw new Error(`${what} is not an address`)
  return value as Address
}
