import { useId, type ReactNode } from 'react'

import { pricesByClass } from '../../market/prices'
import type { Offer } from '../../market/queries'
import { DataTable } from '../../ui/DataTable'
import { Per, Rate } from '../../ui/values'
import type { ProgramKind } from '../../orders/spec'
import type { Number_, Wish } from './wish'

interface Props {
  offers: readonly Offer[]
  kind: ProgramKind
  wish: Wish
  wrong: Partial<Record<Number_, string>>
  onWish: (wish: Wish) => void
}

/** What is on offer now, and how much of it the job needs. */
export function Hardware({ offers, kind, wish, wrong, onWish }: Props): ReactNode {
  const number = (name: Number_, label: string) => (
    <NumberField label={label} value={wish[name]} wrong={wrong[name]} onChange={(value) => onWish({ ...wish, [name]: value })} />
  )
  const alive = offers.filter((offer) => offer.status === 'alive')
  const models = different(alive.flatMap((offer) => offer.gpus))
  return (
    <>
      {alive.length === 0 ? (
        <p className="empty">No machine is on offer now. A bid may still wait for one.</p>
      ) : (
        <DataTable
          caption="Machines on offer"
          rows={pricesByClass(offers)}
          keyOf={(row) => row.name}
          columns={[
            { name: 'Class', of: (row) => row.name },
            { name: 'Free units', of: (row) => `${row.free} of ${row.units}`, isNumber: true },
            { name: 'From', of: (row) => <Rate microAnHour={row.cheapest} />, isNumber: true },
            { name: 'Per', of: (row) => <Per what={row.per} /> },
          ]}
        />
      )}
      <div className="grid">
        {number('vcpus', 'vCPUs')}
        {number('memoryMb', 'Memory, MB')}
        {number('seconds', 'Time at most, seconds')}
        {kind === 'container' ? null : number('gigafuel', 'Instructions at most, Gfuel')}
        {number('egressMb', 'Results at most, MB')}
        {kind === 'container' ? number('gpus', 'GPUs') : null}
        {kind === 'container' && models.length > 0 ? (
          <Choice label="GPU model" any="Any" options={models} value={wish.gpuModel} onChange={(gpuModel) => onWish({ ...wish, gpuModel })} />
        ) : null}
        <Choice
          label="Region"
          any="Anywhere"
          options={different(alive.map((offer) => offer.region))}
          value={wish.region}
          onChange={(region) => onWish({ ...wish, region })}
        />
        {number('replicas', 'Replicas, each on another provider')}
      </div>
      <p className="note">What the job does not use of its time, instructions and results is not paid for.</p>
    </>
  )
}

interface FieldProps {
  label: string
  value: string
  wrong: string | undefined
  onChange: (value: string) => void
}

export function NumberField({ label, value, wrong, onChange }: FieldProps): ReactNode {
  const id = useId()
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <input
        id={id}
        inputMode="decimal"
        autoComplete="off"
        value={value}
        aria-invalid={wrong !== undefined}
        aria-describedby={wrong ? `${id}-wrong` : undefined}
        onChange={(event) => onChange(event.target.value)}
      />
      {wrong ? (
        <p id={`${id}-wrong`} role="alert">
          {wrong}
        </p>
      ) : null}
    </div>
  )
}

function Choice({ label, any, options, value, onChange }: { label: string; any: string; options: string[]; value: string; onChange: (value: string) => void }): ReactNode {
  const id = useId()
  return (
    <div>
      <label htmlFor={id}>{label}</label>
      <select id={id} value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{any}</option>
        {options.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </div>
  )
}

function different(found: readonly string[]): string[] {
  return [...new Set(found.filter(Boolean))].sort()
}
