import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef } from 'preact/hooks'
import './virtual-list.css'

/** Rows that are drawn above and below those that can be seen. */
const margin = 6

/** Where a row stands among all, for those who can't see how long the list is. */
export interface Place {
  readonly 'aria-posinset': number
  readonly 'aria-setsize': number
}

interface VirtualListProps<Item> {
  readonly items: readonly Item[]
  /** In pixels; every row has the same. */
  readonly rowHeight: number
  readonly label: string
  readonly keyOf: (item: Item) => string | number
  readonly row: (item: Item, place: Place) => ComponentChildren
  /** Place of the row that has to be seen; it is scrolled to when `seenKey` changes, not when the list does. */
  readonly seen?: number | undefined
  readonly seenKey?: string | number | undefined
  /** When this changes, the list begins at its top. */
  readonly topKey?: string
  /** Does the end stay in sight when items are added? */
  readonly followsEnd?: boolean
  /** Id of the row that is chosen, if it is drawn: the list has the focus, and says which row is meant. */
  readonly active?: string | undefined
  /** Its keys are the list's own, not the page's; answers whether it took one. */
  readonly onKey?: (key: string) => boolean
}

/** A list of which only the rows in sight are drawn: ten thousand cost as much as thirty. */
export function VirtualList<Item>({
  items,
  rowHeight,
  label,
  keyOf,
  row,
  seen,
  seenKey,
  topKey,
  followsEnd,
  active,
  onKey,
}: VirtualListProps<Item>) {
  const box = useRef<HTMLDivElement>(null)
  const top = useSignal(0)
  const height = useSignal(600)
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    const observer = new ResizeObserver(() => {
      height.value = current.clientHeight
    })
    observer.observe(current)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    const { current } = box
    if (current === null) return
    if (followsEnd) current.scrollTop = items.length * rowHeight
    else if (seen !== undefined && seen >= 0) scrollIntoSight(current, seen * rowHeight, rowHeight)
  }, [seenKey, followsEnd && items.length, followsEnd])
  useLayoutEffect(() => {
    if (box.current && !followsEnd) box.current.scrollTop = 0
  }, [topKey])
  const first = Math.max(0, Math.floor(top.value / rowHeight) - margin)
  const last = Math.min(items.length, Math.ceil((top.value + height.value) / rowHeight) + margin)
  return (
    <div
      class="virtual"
      ref={box}
      role="listbox"
      aria-label={label}
      tabIndex={0}
      aria-activedescendant={seen !== undefined && seen >= first && seen < last ? active : undefined}
      onKeyDown={event => {
        if (event.shiftKey || !onKey?.(event.key)) return
        event.preventDefault()
        event.stopPropagation()
      }}
      onScroll={event => {
        top.value = event.currentTarget.scrollTop
      }}
    >
      <div class="whole" style={{ height: `${items.length * rowHeight}px` }}>
        {items.slice(first, last).map((item, index) => (
          <div
            class="row"
            key={keyOf(item)}
            style={{ top: `${(first + index) * rowHeight}px`, height: `${rowHeight}px` }}
          >
            {row(item, { 'aria-posinset': first + index + 1, 'aria-setsize': items.length })}
          </div>
        ))}
      </div>
    </div>
  )
}

function scrollIntoSight(box: HTMLElement, top: number, height: number): void {
  if (top < box.scrollTop) box.scrollTop = top
  else if (top + height > box.scrollTop + box.clientHeight) box.scrollTop = top + height - box.clientHeight
}
