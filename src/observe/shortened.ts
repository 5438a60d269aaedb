/**
 * A text cut to a length, for those who keep many: it is a copy, since a piece of a string keeps all of it in memory, and
 * a path the target that it was part of, with its query.
 *
 * @param maxLength in UTF-16 code units, the ellipsis of what was cut included
 */
export function shortened(text: string, maxLength: number): string {
  const kept = text.length > maxLength ? `${text.slice(0, maxLength - 1)}…` : text
  return Buffer.from(kept).toString()
}
