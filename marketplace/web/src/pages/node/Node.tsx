import type { ReactNode } from 'react'
import { Link, useParams } from 'wouter'

import { useWallet } from '../../app/context'
import { machineOf } from '../../market/machines'
import { useOffers, type Offer } from '../../market/queries'
import { DataTable } from '../../ui/DataTable'
import { Section } from '../../ui/Section'
import { Loaded } from '../../ui/states'
import { Figure, Hash, Instant, Per, Rate, Usdc } from '../../ui/values'
import { Bids } from './Bids'
import { Income } from './Income'
import { useNodeLeases } from './queries'
import { TakeBack } from './TakeBack'

/** One machine of a provider: how it is, what it earned, which bids it got and lost. */
export function NodePage(): ReactNode {
  const { id } = useParams<{ id: string }>()
  if (!/^0x[0-9a-fA-F]{40}$/.test(id)) return <p>A node is named by the address of its agent: 0x and 40 hex digits.</p>
  return <Of key={id} id={id} />
}

function Of({ id }: { id: string }): ReactNode {
  const { account } = useWallet()
  const offers = useOffers()
  const mine = offers.data?.find((one) => isSame(one.id, id))
  return (
    <>
      <nav className="pager" aria-label="Nodes">
        <Link href="/nodes">All machines</Link>
      </nav>
      <Section title="State">
        <Loaded query={offers} what="the machine" lines={5} empty={{ is: () => mine === undefined, say: 'This machine offers nothing now, or has never. What it did before is below.' }}>
          {() => <State offer={mine!} />}
        </Loaded>
      </Section>
      <Income agent={id} gpus={mine?.gpus.length ?? 0} />
      <Section title="Bids of a round, as this machine saw them">
        <Bids agent={id} />
      </Section>
      <Section title="Newest leases">
        <Leases agent={id} />
      </Section>
      {mine && account && isSame(mine.provider, account) ? <Leave offer={mine} others={sharing(offers.data!, mine)} /> : null}
    </>
  )
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

/** Machines whose asks a cancel of this one's takes back as well: the same provider's, signed earlier. */
function sharing(all: readonly Offer[], one: Offer): Offer[] {
  return all.filter(({ id, provider, ask }) => id !== one.id && isSame(provider, one.provider) && ask.salt < one.ask.salt)
}

function State({ offer }: { offer: Offer }): ReactNode {
  const { ask, profile } = offer
  return (
    <>
      <dl className="figures">
        <Figure label="State" more={<>heard <Instant at={offer.lastSeen} /></>}>
          {offer.status}
        </Figure>
        <Figure label="Free units">
          {offer.freeUnits} of {offer.units}
        </Figure>
        <Figure label={<Per what="vCPU" />}>
          <Rate microAnHour={ask.vcpuHourRate} />
        </Figure>
        <Figure label={<Per what="GB" />}>
          <Rate microAnHour={ask.gbHourRate} />
        </Figure>
        {offer.gpus.length > 0 ? (
          <Figure label={<Per what="GPU" />}>
            <Rate microAnHour={ask.gpuHourRate} />
          </Figure>
        ) : null}
        <Figure label="Gfuel">
          <Usdc micro={ask.gfuelRate} />
        </Figure>
        <Figure label="At least a job">
          <Usdc micro={ask.minimumCharge} />
        </Figure>
      </dl>
      <dl className="facts">
        <dt>Machine</dt>
        <dd>
          {machineOf(offer)}; {profile.sandboxes.join(', ')}
        </dd>
        <dt>Region</dt>
        <dd>{offer.region}</dd>
        <dt>Node</dt>
        <dd>
          <Hash value={offer.id} label="node's address" />
        </dd>
        <dt>Provider</dt>
        <dd>
          <Hash value={offer.provider} label="provider's address" />
        </dd>
        <dt>Offered until</dt>
        <dd>
          <Instant at={offer.validUntil} />
        </dd>
      </dl>
    </>
  )
}

function Leases({ agent }: { agent: string }): ReactNode {
  const leases = useNodeLeases(agent)
  return (
    <Loaded query={leases} what="its leases" lines={5} empty={{ is: (all) => all.length === 0, say: 'It has had no lease yet.' }}>
      {(all) => (
        <DataTable
          caption="Newest leases of this machine"
          rows={all}
          keyOf={({ leaseId }) => leaseId}
          columns={[
            { name: 'Job', of: ({ jobId }) => <Link href={`/jobs/${jobId}`}>{jobId.slice(0, 10)}…</Link> },
            { name: 'State', of: ({ state }) => state },
            { name: 'Price', of: ({ price }) => <Usdc micro={price} />, isNumber: true },
            { name: 'Earned', of: ({ paid }) => (paid === null ? 'not yet' : <Usdc micro={paid} />), isNumber: true },
            { name: 'Ended', of: ({ closedAt }) => (closedAt === null ? '—' : <Instant at={closedAt} />) },
          ]}
        />
      )}
    </Loaded>
  )
}

function Leave({ offer, others }: { offer: Offer; others: readonly Offer[] }): ReactNode {
  return (
    <Section title="Leave, or change the rates">
      <p>
        To leave in order, run <code>hive provider drain</code> on the machine: it takes no new leases, ends what runs, and stops. Rates are set there, too:{' '}
        <code>hive provider advise</code> says what its electricity and its price come to.
      </p>
      {offer.drainsBy === null ? <TakeBack offer={offer} others={others} /> : <p>It is leaving.</p>}
    </Section>
  )
}
