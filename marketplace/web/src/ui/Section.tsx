import { useId, type ReactNode } from 'react'

/** A part of a page under its heading, which is its name to who listens. */
export function Section({ title, children }: { title: string; children: ReactNode }): ReactNode {
  const id = useId()
  return (
    <section aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  )
}
