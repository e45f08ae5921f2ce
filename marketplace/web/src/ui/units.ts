import { createContext, useContext } from 'react'

/** How rates and moments are written. */
export interface Units {
  /** Over which time rates are told. */
  readonly per: 'hour' | 'day' | 'month'
  readonly clock: 'local' | 'UTC'
}

export const DEFAULT_UNITS: Units = { per: 'hour', clock: 'local' }
/** A month is a twelfth of 365 days, as clouds count it. */
export const HOURS: Readonly<Record<Units['per'], number>> = { hour: 1, day: 24, month: 730 }

const Context = createContext(DEFAULT_UNITS)
export const UnitsProvider = Context.Provider

export function useUnits(): Units {
  return useContext(Context)
}

/** A rate of micro-USDC an hour over the chosen time, to a whole micro-USDC; exact where it was one. */
export function rateOf(microAnHour: string | number | bigint, { per }: Units): bigint {
  if (typeof microAnHour === 'number') return BigInt(Math.round(microAnHour * HOURS[per]))
  return BigInt(microAnHour) * BigInt(HOURS[per])
}
