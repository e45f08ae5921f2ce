import { useEffect, useRef, useState, type RefObject } from 'react'

/** How wide an element is, in pixels, as it changes; `before` until it is known. */
export function useWidth<Element extends HTMLElement>(before: number): [RefObject<Element | null>, number] {
  const ref = useRef<Element>(null)
  const [width, setWidth] = useState(before)
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.floor(entry.contentRect.width)))
    if (ref.current) observer.observe(ref.current)
    return () => observer.disconnect()
  }, [])
  return [ref, width]
}
