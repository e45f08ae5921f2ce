import { escrowAbi, type AddressBook } from '@computehive/contracts'
import { groupTerms } from '@computehive/contracts/leases'
import { useId, useState, type FormEvent, type ReactNode } from 'react'
import type { PublicClient } from 'viem'

import { useSession } from '../../app/context'
import { Act } from '../../chain/Act'
import type { Call } from '../../chain/transactions'
import { formatUsdc, parseUsdc } from '../../ui/amounts'
import { SignatureRequest } from '../../ui/SignatureRequest'
import { Hash, Usdc } from '../../ui/values'
import { signTyped } from '../../wallet/signing'
import type { OpenLease } from './leases'
import { isDigest, readReceipt, typedReceipt, writeReceipt, type Receipt, type SignedReceipt } from './receipts'

interface Props {
  one: OpenLease
  node: PublicClient
  book: AddressBook
  /** Whether the lease is closed by now. */
  isClosed: () => Promise<boolean>
}

/** Pay for a result that one has: the renter signs, and whoever may sends it. */
export function Accept({ one, node, book, isClosed }: Props): ReactNode {
  const [receipt, setReceipt] = useState<Receipt | null>(null)
  const [signed, setSigned] = useState<SignedReceipt | null>(null)
  return (
    <details>
      <summary>Accept a result and pay for it</summary>
      {signed ? (
        <Handed signed={signed} one={one} node={node} book={book} isClosed={isClosed} />
      ) : receipt ? (
        <Sign receipt={receipt} book={book} node={node} done={setSigned} back={() => setReceipt(null)} />
      ) : (
        <Terms one={one} done={setReceipt} />
      )}
    </details>
  )
}

function Terms({ one: { lease }, done }: { one: OpenLease; done: (receipt: Receipt) => void }): ReactNode {
  const id = useId()
  const [wrong, setWrong] = useState<string | null>(null)
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const data = new FormData(event.currentTarget)
    const [digest, pay] = [String(data.get('digest')).trim(), parseUsdc(String(data.get('pay')))]
    if (!isDigest(digest)) setWrong('Expected the digest of the result: 0x and 64 hex digits. The provider’s attestation names it.')
    else if (pay === null || pay === 0n || pay > lease.price) setWrong(`Expected an amount above zero and not above the ${formatUsdc(lease.price)} USDC that are locked.`)
    else done({ leaseId: lease.leaseId, pay, resultDigest: digest })
  }
  return (
    <form className="fields" onSubmit={submit}>
      <div>
        <label htmlFor={`${id}-digest`}>Digest of the result</label>
        <input id={`${id}-digest`} name="digest" autoComplete="off" spellCheck={false} required />
      </div>
      <div>
        <label htmlFor={`${id}-pay`}>Pay, USDC, the fee included</label>
        <input id={`${id}-pay`} name="pay" inputMode="decimal" autoComplete="off" defaultValue={formatUsdc(lease.price).replaceAll(',', '')} required />
      </div>
      {wrong ? <p role="alert">{wrong}</p> : null}
      <button type="submit">Review</button>
    </form>
  )
}

interface SignProps {
  receipt: Receipt
  book: AddressBook
  node: PublicClient
  done: (signed: SignedReceipt) => void
  back: () => void
}

/** By the addresses that the page has held against the chain: no market is asked. */
function Sign({ receipt, book, node, done, back }: SignProps): ReactNode {
  const { wallet } = useSession()
  const [isAsking, setAsking] = useState(false)
  const [problem, setProblem] = useState<string | null>(null)
  const typed = typedReceipt(receipt, book)
  const sign = async () => {
    setProblem(null)
    setAsking(true)
    try {
      done({ receipt, signature: await signTyped(await wallet.signer(book.chainId), typed, node) })
    } catch (thrown) {
      setProblem((thrown as Error).message)
    } finally {
      setAsking(false)
    }
  }
  const facts = [
    { name: 'Lease', value: <Hash value={receipt.leaseId} label="lease" /> },
    { name: 'Pay', value: <Usdc micro={receipt.pay} /> },
    { name: 'Result', value: <Hash value={receipt.resultDigest} label="result's digest" /> },
  ]
  return (
    <>
      <SignatureRequest does="Whoever holds this signature can have the provider paid so much for this result. What is locked beyond it comes back to you." facts={facts} typed={typed} />
      {problem ? <p role="alert">{problem}</p> : null}
      <p>
        <button type="button" disabled={isAsking} onClick={() => void sign()}>
          {isAsking ? 'Look at your wallet…' : 'Sign the receipt'}
        </button>{' '}
        <button type="button" className="quiet" disabled={isAsking} onClick={back}>
          Back
        </button>
      </p>
    </>
  )
}

function Handed({ signed, one, node, book, isClosed }: Props & { signed: SignedReceipt }): ReactNode {
  const id = useId()
  const isAll = signed.receipt.pay === one.lease.price
  return (
    <>
      <label htmlFor={id}>The receipt, signed</label>
      <textarea id={id} readOnly rows={9} value={writeReceipt(signed)} />
      <p className="note">{isAll ? 'It is all that is locked, so you can send it yourself.' : 'It is less than what is locked: only the provider can send it. Hand it over.'}</p>
      {isAll ? <Act node={node} chainId={book.chainId} name="Pay" isOpen call={acceptCall(one, book, signed)} effect={isClosed} /> : null}
    </>
  )
}

/** Be paid by a receipt that the renter handed over. */
export function TakeReceipt({ one, node, book, isClosed }: Props): ReactNode {
  const id = useId()
  const [signed, setSigned] = useState<SignedReceipt | null>(null)
  const [wrong, setWrong] = useState<string | null>(null)
  const submit = async (text: string) => {
    setWrong(null)
    setSigned(await readReceipt(text, one.lease, book, node).catch((thrown: Error) => (setWrong(thrown.message), null)))
  }
  const submitted = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    void submit(String(new FormData(event.currentTarget).get('receipt')))
  }
  return (
    <details>
      <summary>Be paid by a receipt of the renter’s</summary>
      <form className="fields" onSubmit={submitted}>
        <div>
          <label htmlFor={id}>Receipt, JSON</label>
          <textarea id={id} name="receipt" rows={6} spellCheck={false} required />
        </div>
        {wrong ? <p role="alert">{wrong}</p> : null}
        <button type="submit">Look at it</button>
      </form>
      {signed ? (
        <>
          <p>
            It pays <Usdc micro={signed.receipt.pay} />, of which the fee is taken. The rest of what is locked goes back to the renter.
          </p>
          <Act node={node} chainId={book.chainId} name="Be paid" isOpen call={acceptCall(one, book, signed)} effect={isClosed} />
        </>
      ) : null}
    </details>
  )
}

function acceptCall({ lease, group }: OpenLease, book: AddressBook, { receipt, signature }: SignedReceipt): Call {
  return { address: book.contracts.Escrow, abi: escrowAbi, functionName: 'accept', args: [group.market, groupTerms(group, lease.place), receipt, signature] }
}
