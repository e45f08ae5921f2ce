import { CancelKind } from '@computehive/contracts'
import { useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'

import { useWallet } from '../../app/context'
import { CancelRequest } from '../../market/CancelRequest'
import { useConfig, type Offer } from '../../market/queries'

/** Takes a machine's ask out of the book by a signed cancel, for when the machine itself is out of reach. */
export function TakeBack({ offer, others }: { offer: Offer; others: readonly Offer[] }): ReactNode {
  const { wallet } = useWallet()
  const config = useConfig()
  const client = useQueryClient()
  const [isOpen, setOpen] = useState(false)
  if (!isOpen || !config.data)
    return (
      <p>
        <button type="button" disabled={!wallet || !config.data} onClick={() => setOpen(true)}>
          Take the ask back
        </button>{' '}
        {wallet ? <span className="note">For a machine that is out of your reach: a daemon that runs signs a new one.</span> : <span className="note">This account is only watched. Connect its wallet to sign.</span>}
      </p>
    )
  return (
    <CancelRequest
      cancel={{ signer: offer.provider, kind: CancelKind.ASKS_BEFORE, salt: offer.ask.salt + 1 }}
      config={config.data}
      does="This takes back every ask of yours up to this one. Leases that are open go on. It costs nothing."
      facts={[
        { name: 'This machine', value: offer.id },
        { name: 'Others that it takes back', value: others.length > 0 ? others.map(({ id }) => id).join(', ') : 'none' },
      ]}
      action="Sign to take it back"
      done={() => client.invalidateQueries({ queryKey: ['offers'] })}
    />
  )
}
