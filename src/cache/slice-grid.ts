/**
 * SliceGrid: where the slices of a large object begin and end. Pure.
 *
 * They begin at every multiple of `sliceBytes`. Where an object was first entered far inside a slice, that one is cut in
 * two: what lies before the place need not come first, and is asked for when somebody wants it.
 *
 * Invariant: every byte is in exactly one slice, slices are numbered from 0 in their order without a gap, and whatever
 * the cut a slice begins at every multiple of `sliceBytes`.
 */

export interface SliceGrid {
  readonly sliceBytes: number
  /** Bytes of the whole object. */
  readonly length: number
  /** Where another slice begins; a multiple of `sliceBytes`, or infinity, for none. */
  readonly cut: number
}

/** @param entered where the first bytes that were asked for begin */
export function sliceGrid(sliceBytes: number, length: number, entered: number): SliceGrid {
  return { sliceBytes, length, cut: entered % sliceBytes === 0 ? Number.POSITIVE_INFINITY : entered }
}

/** The number of the slice that has this byte. */
export function sliceAt({ sliceBytes, cut }: SliceGrid, position: number): number {
  const index = Math.floor(position / sliceBytes)
  return position < cut ? index : index + 1
}

/** The first byte of a slice; the object's length for what would come after the last one. */
export function sliceStart({ sliceBytes, length, cut }: SliceGrid, index: number): number {
  const divided = Math.floor(cut / sliceBytes)
  if (index === divided + 1) return cut
  return Math.min((index <= divided ? index : index - 1) * sliceBytes, length)
}
