import { escrowAbi, type AddressBook } from '@computehive/contracts'
import { groupTerms } from '@computehive/contracts/leases'
import { useQuery } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import type { Address, PublicClient } from 'viem'

import { Act } from '../../chain/Act'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Hash, Instant, Usdc } from '../../ui/values'
import { Accept, TakeReceipt } from './Accept'
import { findOpenLeases, isStillOpen, type OpenLease } from './leases'

interface Props {
  node: PublicClient
  book: AddressBook
  account: Address
  /** The chain's time, Unix seconds. */
  now: number
}

/** One's open leases, found in the chain's log, and the refund of those that nobody closed in time. */
export function Leases({ node, book, account, now }: Props): ReactNode {
  const [share, setShare] = useState(0)
  const escrow = book.contracts.Escrow
  const first = BigInt(book.deployedAtBlock)
  const leases = useQuery({
    queryKey: ['exit-leases', account, escrow, node.transport['url']],
    queryFn: () => findOpenLeases(node, escrow, account, first, setShare),
    retry: false,
  })
  return (
    <Section title="Open leases">
      {leases.isFetching ? (
        <p role="status">
          Reading the chain’s log: <progress max={1} value={share} aria-label="Read" /> {Math.round(share * 100)} %
        </p>
      ) : (
        <p>
          <button type="button" className="quiet" onClick={() => void leases.refetch()}>
            Look again
          </button>
        </p>
      )}
      <Loaded query={leases} what="your leases" empty={{ is: (found) => found.length === 0, say: 'No lease of this account is open.' }}>
        {(found) => (
          <ul className="leases">
            {found.map((one) => (
              <li key={one.lease.leaseId}>
                <One one={one} node={node} book={book} account={account} now={now} />
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Section>
  )
}

function One({ one, node, book, account, now }: Props & { one: OpenLease }): ReactNode {
  const { lease, group } = one
  const isOver = lease.deadline < now
  const isRenter = lease.renter.toLowerCase() === account.toLowerCase()
  const isClosed = async () => !(await isStillOpen(node, book.contracts.Escrow, one))
  return (
    <>
      <p>
        Lease <Hash value={lease.leaseId} label="lease" />: <Usdc micro={lease.price} /> locked, {isRenter ? 'which you pay at most' : 'which you earn at most'}.{' '}
        {isOver ? 'Nobody closed it before' : 'It can be settled until'} <Instant at={lease.deadline} />.
      </p>
      <Act
        node={node}
        chainId={book.chainId}
        name={isRenter ? 'Refund it' : 'Refund it to its renter'}
        isOpen={isOver}
        call={{ address: book.contracts.Escrow, abi: escrowAbi, functionName: 'refund', args: [group.market, [groupTerms(group, lease.place)]] }}
        effect={isClosed}
      />
      {isRenter ? <Accept one={one} node={node} book={book} isClosed={isClosed} /> : <TakeReceipt one={one} node={node} book={book} isClosed={isClosed} />}
    </>
  )
}
