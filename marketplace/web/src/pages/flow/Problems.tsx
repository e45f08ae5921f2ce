import type { ReactNode } from 'react'

import type { Flow } from '../../flow/model'
import type { Path, Problem } from '../../flow/problems'

/** All that keeps the workflow from being run; each leads to where it is put right. */
export function Problems({ flow, problems, go }: { flow: Flow; problems: readonly Problem[]; go: (path: Path) => void }): ReactNode {
  return (
    <div className="problems">
      <p role="status">{problems.length === 0 ? '✓ Nothing is wrong with it.' : `${problems.length} to put right:`}</p>
      <ul>
        {problems.map(({ path, message }) => (
          <li key={path.join('.') + message}>
            <button type="button" className="link" onClick={() => go(path)}>
              {placeOf(flow, path)}
            </button>{' '}
            {message}
          </li>
        ))}
      </ul>
    </div>
  )
}

/** `jobs.0.takes.1.path` as `split, takes 2, path`. */
export function placeOf(flow: Flow, path: Path): string {
  const [first, index, ...rest] = path
  if (first !== 'jobs' || typeof index !== 'number') return path.join(', ')
  const parts = rest.map((one) => (typeof one === 'number' ? String(one + 1) : one))
  return [flow.jobs[index]?.name || `job ${index + 1}`, parts.join(' ')].filter(Boolean).join(', ')
}
