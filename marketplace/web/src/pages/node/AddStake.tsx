import { useId, useState, type FormEvent, type ReactNode } from 'react'
import type { Address } from 'viem'

import { useWallet } from '../../app/context'
import type { Reached } from '../../chain/OnChain'
import { parseUsdc } from '../../ui/amounts'
import { TransactionLine } from '../../ui/TransactionState'
import { useStaking } from './useStaking'

/** More USDC behind one's leases: an approval of exactly that where it lacks, and the stake. */
export function AddStake({ node, book, account }: Reached & { account: Address }): ReactNode {
  const id = useId()
  const { wallet } = useWallet()
  const { approving, staking, problem, stake } = useStaking({ node, book, account })
  const [wrong, setWrong] = useState<string | null>(null)
  const isBusy = approving.isBusy || staking.isBusy
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const form = event.currentTarget
    const amount = parseUsdc(String(new FormData(form).get('amount')))
    setWrong(amount ? null : 'Write an amount of USDC above nothing, such as 25 or 0.5.')
    if (amount) void stake(amount).then((isStaked) => (isStaked ? form.reset() : null))
  }
  return (
    <>
      <form onSubmit={submit} className="fields">
        <div>
          <label htmlFor={id}>Stake more, USDC</label>
          <input id={id} name="amount" inputMode="decimal" autoComplete="off" aria-invalid={wrong !== null} aria-describedby={`${id}-note`} />
          <p id={`${id}-note`} className="note">
            It covers the penalty of each open lease, 100 % of its price; fraud loses that much of it. What no lease needs can be taken out, after a wait.
          </p>
        </div>
        <button type="submit" disabled={isBusy || !wallet}>
          Stake it
        </button>
      </form>
      {wallet ? null : <p className="note">This account is only watched. Connect its wallet to send.</p>}
      {wrong ?? problem ? <p role="alert">{wrong ?? problem}</p> : null}
      <TransactionLine state={approving.state} />
      <TransactionLine state={staking.state} />
    </>
  )
}
