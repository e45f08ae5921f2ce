import { providerStakeAbi } from '@computehive/contracts'
import { useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Address } from 'viem'

import type { Reached } from '../../chain/OnChain'
import { reasonOf } from '../../chain/transactions'
import { approveCall, readPurse } from '../../chain/usdc'
import { useTransaction, type Transaction } from '../../chain/useTransaction'
import { formatUsdc } from '../../ui/amounts'
import { readOwn } from '../exit/own'

interface Staking {
  readonly approving: Transaction
  readonly staking: Transaction
  readonly problem: string | null
  /** True once `amount` more micro-USDC is at stake. */
  readonly stake: (amount: bigint) => Promise<boolean>
}

/** Staking by an approval of exactly the amount, where less is allowed, and a second transaction. */
export function useStaking({ node, book, account }: Reached & { account: Address }): Staking {
  const client = useQueryClient()
  const approving = useTransaction()
  const staking = useTransaction()
  const [problem, setProblem] = useState<string | null>(null)
  const contract = book.contracts.ProviderStake

  const approve = async (token: Address, amount: bigint) => {
    const mayTake = async () => (await readPurse(node, contract, account)).allowance >= amount
    return approving.send(node, book.chainId, approveCall(token, contract, amount), mayTake)
  }
  const send = async (amount: bigint) => {
    const { token, wallet, allowance } = await readPurse(node, contract, account)
    if (wallet < amount) {
      setProblem(`Your wallet holds ${formatUsdc(wallet)} USDC: less than that.`)
      return false
    }
    if (allowance < amount && !(await approve(token, amount))) return false
    const before = (await readOwn(node, book, account)).stake
    const isThere = async () => (await readOwn(node, book, account)).stake >= before + amount
    const call = { address: contract, abi: providerStakeAbi, functionName: 'stake', args: [amount] }
    return staking.send(node, book.chainId, call, isThere)
  }
  const stake = async (amount: bigint) => {
    setProblem(null)
    try {
      const isStaked = await send(amount)
      await client.invalidateQueries()
      return isStaked
    } catch (thrown) {
      setProblem(`The chain's node did not answer: ${reasonOf(thrown)}`)
      return false
    }
  }
  return { approving, staking, problem, stake }
}
