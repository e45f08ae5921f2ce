import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Address } from 'viem'

import { useWallet } from '../../app/context'
import { useNode } from '../../chain/node'
import type { Call } from '../../chain/transactions'
import { approveCall, readPurse, type Purse } from '../../chain/usdc'
import { useTransaction, type Transaction } from '../../chain/useTransaction'
import type { Config } from '../../market/queries'
import { useSigning } from '../../wallet/useSigning'
import { depositCall, freeOf } from './deposits'
import { isStale, permitCall, readPermit, type Permit } from './permit'

interface Depositing {
  readonly hasNode: boolean
  readonly isBusy: boolean
  readonly isAsking: boolean
  readonly problem: string | null
  /** To be read before it is signed. */
  readonly permit: Permit | null
  readonly allowing: Transaction
  readonly depositing: Transaction
  /** Deposit at once where the escrow may take as much already, else find out by what. */
  readonly begin: () => Promise<void>
  /** Sign the permit, and deposit with it. */
  readonly sign: () => Promise<void>
  /** Two transactions in place of a permit. */
  readonly approve: () => Promise<void>
}

/** `missing` micro-USDC into the escrow: by a permit (EIP-2612) and one transaction, or by an approval and two. */
export function useDeposit(missing: bigint, config: Config): Depositing {
  const node = useNode()
  const { account } = useWallet()
  const client = useQueryClient()
  const signing = useSigning()
  const allowing = useTransaction()
  const depositing = useTransaction()
  const [permit, setPermit] = useState<Permit | null>(null)
  const [problem, setProblem] = useState<string | null>(null)
  const escrow = config.domain.verifyingContract as Address

  /** Does `what` with the account's funds, if they are enough. */
  const withFunds = async (what: (purse: Purse) => Promise<void>) => {
    if (!node || !account) return
    setProblem(null)
    try {
      const purse = await readPurse(node, escrow, account)
      if (purse.wallet < missing) setProblem('Your wallet holds less USDC than that. Bring some there first, or ask for less.')
      else await what(purse)
    } catch (thrown) {
      setProblem(`The chain's node did not answer: ${(thrown as Error).message.split('\n')[0]}`)
    }
  }
  const deposit = async (call: Call) => {
    const before = await freeOf(node!, escrow, account!)
    const isThere = async () => (await freeOf(node!, escrow, account!)) >= before + missing
    if (await depositing.send(node!, config.chainId, call, isThere)) setPermit(null)
    await client.invalidateQueries({ queryKey: ['account'] })
  }
  const allow = async (purse: Purse) => {
    const mayTake = async () => (await readPurse(node!, escrow, account!)).allowance >= missing
    const isAllowed = purse.allowance >= missing || (await allowing.send(node!, config.chainId, approveCall(purse.token, escrow, missing), mayTake))
    if (isAllowed) await deposit(depositCall(escrow, missing))
  }
  const begin = () =>
    withFunds(async (purse) => {
      const found = purse.allowance >= missing ? null : await readPermit(node!, purse.token, escrow, account!, missing)
      if (found) setPermit(found)
      else await allow(purse)
    })
  const sign = () =>
    withFunds(async ({ token }) => {
      const fresh = await readPermit(node!, token, escrow, account!, missing)
      if (!permit || !fresh || isStale(permit, fresh)) {
        setPermit(fresh)
        setProblem('What is to be signed has changed. Read it again.')
        return
      }
      const signature = await signing.sign(permit.typed)
      if (!signature) return
      const call = permitCall(escrow, permit, signature)
      if (call) await deposit(call)
      else setProblem('Your account is a contract, whose signatures a permit cannot carry. Approve instead.')
    })
  return {
    hasNode: node !== null,
    isBusy: allowing.isBusy || depositing.isBusy,
    isAsking: signing.isAsking,
    problem: problem ?? signing.problem?.message ?? null,
    permit: permit?.value === missing ? permit : null,
    allowing,
    depositing,
    begin,
    sign,
    approve: () => withFunds(allow),
  }
}
