interface ArrowHeadProps {
  readonly id: string
  readonly kind?: string
  /** In pixels. */
  readonly size: number
}

/** The head of the arrows that end in `url(#ID)`. */
export function ArrowHead({ id, kind = '', size }: ArrowHeadProps) {
  return (
    <marker
      id={id}
      class={`head ${kind}`}
      viewBox="0 0 8 8"
      refX="7"
      refY="4"
      markerWidth={size}
      markerHeight={size}
      markerUnits="userSpaceOnUse"
      orient="auto"
    >
      <path d="M0 0.5 8 4 0 7.5z" />
    </marker>
  )
}
