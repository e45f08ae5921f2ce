import type { Address, AddressBook } from './addressBook.js'
import { channelsDomainName, domainName, domainVersion } from './generated/messages.js'

/** An EIP-712 domain, as viem's `signTypedData` and wallets take it. */
export interface Domain<name extends string = string> {
  readonly name: name
  readonly version: typeof domainVersion
  readonly chainId: number
  readonly verifyingContract: Address
}

/** The domain of orders, attestations, receipts and cancels: messages in `typedData`. */
export function escrowDomain(book: Pick<AddressBook, 'chainId' | 'contracts'>): Domain<typeof domainName> {
  return { name: domainName, version: domainVersion, chainId: book.chainId, verifyingContract: book.contracts.Escrow }
}

/** The domain of what `Prepaid` settles (bids that are not escrowed, allowances, batches): messages in `prepaidTypedData`. */
export function prepaidDomain(book: Pick<AddressBook, 'chainId' | 'contracts'>): Domain<typeof domainName> {
  return { name: domainName, version: domainVersion, chainId: book.chainId, verifyingContract: book.contracts.Prepaid }
}

/** The domain of vouchers, refunds and claims of payment channels: messages in `channelTypedData`. */
export function channelsDomain(book: Pick<AddressBook, 'chainId' | 'contracts'>): Domain<typeof channelsDomainName> {
  const verifyingContract = book.contracts.PaymentChannels
  return { name: channelsDomainName, version: domainVersion, chainId: book.chainId, verifyingContract }
}
