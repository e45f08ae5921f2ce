import { useCallback, useEffect, useRef, useState } from 'react'

import type { Flow } from '../../flow/model'
import type { Path } from '../../flow/problems'

/** Replaces the workflow by what an edit makes of it. Edits with one `of` that follow each other are taken back together. */
export type Edit = (change: (flow: Flow) => Flow, of?: string) => void

/** The id of what edits a part of the document. */
export function idAt(path: Path): string {
  return `at-${path.join('-')}`
}

/** Puts the focus where a part of the document is edited, or what it is part of, once that has been drawn. */
export function useFocus(): (path: Path) => void {
  const [wanted, want] = useState<{ path: Path } | null>(null)
  const last = useRef(wanted)
  useEffect(() => {
    if (wanted === null || wanted === last.current) return
    last.current = wanted
    for (let length = wanted.path.length; length > 0; length -= 1) {
      const found = document.getElementById(idAt(wanted.path.slice(0, length)))
      if (!found) continue
      const more = found.closest('details')
      if (more) more.open = true
      found.focus()
      return
    }
  }, [wanted])
  return useCallback((path: Path) => want({ path }), [])
}
