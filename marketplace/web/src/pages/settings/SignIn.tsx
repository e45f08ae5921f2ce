import { useMutation } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { Address } from 'viem'

import { useSession } from '../../app/context'
import { useNode } from '../../chain/node'
import { answerOf } from '../../market/api'
import { signText } from '../../wallet/signing'
import { isAllowed, messageOf, type Nonce, type Visit } from './access'
import { Said } from './Said'

interface Draft {
  readonly nonce: Nonce
  readonly text: string
}

/** Signing in: the text is shown before the wallet opens. */
export function SignIn({ account, done }: { account: Address; done: (visit: Visit) => void }): ReactNode {
  const { market, wallet } = useSession()
  const node = useNode()
  const draft = useMutation({ mutationFn: async () => draftOf(account, await answerOf(market.POST('/api/v1/sessions/nonce'))) })
  const sign = useMutation({
    mutationFn: async ({ nonce, text }: Draft) => {
      const signature = await signText(await wallet.signer(nonce.chainId), text, node)
      const opened = await answerOf(market.POST('/api/v1/sessions', { body: { message: text, signature } }))
      done({ account, token: opened.token, expiresAt: opened.expiresAt })
    },
    // A nonce is good once: after a refusal the next try is of another message.
    onError: () => draft.reset(),
  })
  if (!draft.data)
    return (
      <>
        <p>Orders are signed each by itself. For keys and webhooks you sign in to this market, for a day, by signing a text.</p>
        <button type="button" disabled={draft.isPending} onClick={() => draft.mutate()}>
          Sign in
        </button>
        <Said error={draft.error ?? sign.error} />
      </>
    )
  return (
    <>
      <p>Your wallet is going to show this text. Signing it moves no money and places no order.</p>
      <pre className="siwe">{draft.data.text}</pre>
      <p>
        <button type="button" disabled={sign.isPending} onClick={() => sign.mutate(draft.data)}>
          {sign.isPending ? 'Waiting for your wallet…' : 'Sign this text'}
        </button>{' '}
        <button type="button" disabled={sign.isPending} onClick={() => draft.reset()}>
          Cancel
        </button>
      </p>
    </>
  )
}

/** Throws where this market lets nobody sign in from this page, before anything is signed in vain. */
function draftOf(account: Address, nonce: Nonce): Draft {
  if (!isAllowed(location, nonce.domains)) {
    const named = nonce.domains.join(', ') || 'no page'
    throw new Error(`This market lets people sign in from ${named}, and this page is at ${location.host}. Ask its operator to name it.`)
  }
  return { nonce, text: messageOf(account, nonce, location, new Date()) }
}
