/** Where something is in the file: `origins.spaces.pool.maxSockets`, `routes[2].ttl`. */

export type Path = readonly PropertyKey[]

/** Keys that are no plain words are quoted and escaped, so that a path is always one line. */
export function formatPath(path: Path): string {
  let written = ''
  for (const part of path) {
    if (typeof part === 'number') written += `[${part}]`
    else if (!/^[A-Za-z0-9_-]+$/.test(String(part))) written += `[${quoted(String(part))}]`
    else written += written === '' ? String(part) : `.${String(part)}`
  }
  return written
}

/** In double quotes, on one line, and with nothing in it that a terminal would obey or hide. */
export function quoted(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const units = character.split('').map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    return units.join('')
  })
}

/** What a tree holds there, or undefined. */
export function valueAt(tree: unknown, path: Path): unknown {
  let value = tree
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = Reflect.get(value, part)
  }
  return value
}
