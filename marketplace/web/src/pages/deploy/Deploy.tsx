import { useDeferredValue, useState, type ReactNode } from 'react'
import { useParams } from 'wouter'

import { useConfig, useOffers, type Config, type Offer } from '../../market/queries'
import { Loaded } from '../../ui/states'
import './deploy.css'
import { FromRegistry, Named, type Taken } from './FromRegistry'
import { Hardware } from './Hardware'
import { Price } from './Price'
import { ProgramChoice, type Chosen } from './ProgramChoice'
import { usePrice, type Asked } from './quotes'
import { Rent } from './Rent'
import { buildSpec, type JobSpec, type ProgramKind } from '../../orders/spec'
import { FIRST_WISH, parseWish, splitArgs } from './wish'

/** Rent a machine: a program, what it needs, what it costs, one signature. */
export function Deploy(): ReactNode {
  const config = useConfig()
  const offers = useOffers()
  const { name, version } = useParams<{ name?: string; version?: string }>()
  return (
    <div className="deploy">
      <Loaded query={config} what="the market's rules" lines={6}>
        {(rules) => (
          <Loaded query={offers} what="the offers" lines={6}>
            {(found) =>
              name && version ? (
                <FromRegistry key={`${name}@${version}`} name={name} version={version}>
                  {(taken) => <Form config={rules} offers={found} taken={taken} />}
                </FromRegistry>
              ) : (
                <Form config={rules} offers={found} taken={null} />
              )
            }
          </Loaded>
        )}
      </Loaded>
    </div>
  )
}

function Form({ config, offers, taken }: { config: Config; offers: readonly Offer[]; taken: Taken | null }): ReactNode {
  const runtimes = config.runtimes as Readonly<Record<string, string>>
  const [kind, setKind] = useState<ProgramKind>(() => (!taken && ('python' in runtimes || 'javascript' in runtimes) ? 'script' : 'module'))
  const [chosen, setChosen] = useState<Chosen | null>(() => (taken?.file ? { program: { kind: 'module', file: taken.file }, inputs: [] } : null))
  const [args, setArgs] = useState('')
  const [wish, setWish] = useState(FIRST_WISH)
  const [cap, setCap] = useState<string | null>(null)
  const parsed = parseWish(wish, kind, config.limits)
  const built = specOf(chosen, args, wish.region ? [wish.region] : [], kind === 'container' && wish.gpuModel ? [wish.gpuModel] : [])
  const asked: Asked | null = parsed.wrong ? null : { resources: parsed.resources, replicas: parsed.replicas, jobSpec: built.spec, maxPrice: null }
  const price = usePrice(useDeferredValue(asked))
  const take = (next: ProgramKind) => {
    setKind(next)
    setChosen(null)
  }
  return (
    <>
      <section aria-labelledby="program">
        <h2 id="program">1. Program</h2>
        {taken ? <Named taken={taken} /> : null}
        <ProgramChoice
          pinned={taken?.release.digest ?? null}
          kind={kind}
          onKind={take}
          runtimes={runtimes}
          hasContainers={offers.some((offer) => offer.profile.sandboxes.includes('docker'))}
          maxBytes={config.limits.maxBlobBytes}
          chosen={chosen}
          onChosen={setChosen}
        />
        <div className="grid">
          <div>
            <label htmlFor="args">Arguments</label>
            <input id="args" value={args} autoComplete="off" spellCheck={false} onChange={(event) => setArgs(event.target.value)} />
          </div>
        </div>
        {built.problem ? <p role="alert">{built.problem}</p> : null}
      </section>
      <section aria-labelledby="hardware">
        <h2 id="hardware">2. Machine</h2>
        <Hardware offers={offers} kind={kind} wish={wish} wrong={parsed.wrong ?? {}} onWish={setWish} />
      </section>
      <section aria-labelledby="price" className="price">
        <h2 id="price">3. Price</h2>
        {built.spec ? null : <p className="note">Without a program this is of any machine with that much room.</p>}
        {asked ? (
          <Loaded query={price} what="the price" lines={4}>
            {(found) => <Price priced={found} />}
          </Loaded>
        ) : (
          <p>Some number above is not right.</p>
        )}
      </section>
      <Rent
        config={config}
        now={price.data?.quote.price ?? null}
        cap={cap}
        onCap={setCap}
        wanted={built.spec && chosen && !parsed.wrong ? { spec: built.spec, files: [chosen.program.file, ...chosen.inputs], resources: parsed.resources, replicas: parsed.replicas } : null}
      />
    </>
  )
}

function specOf(chosen: Chosen | null, args: string, regions: string[], gpuModels: string[]): { spec: JobSpec | null; problem: string | null } {
  if (!chosen) return { spec: null, problem: null }
  try {
    return { spec: buildSpec(chosen.program, chosen.inputs, splitArgs(args), { regions, gpuModels }), problem: null }
  } catch (thrown) {
    return { spec: null, problem: (thrown as Error).message }
  }
}
