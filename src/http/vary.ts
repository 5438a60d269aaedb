export function parseVary(value: string | undefined): readonly string[] | '*' {
  return value === undefined
    ? []
    : value.includes('*')
      ? '*'
      : value
          .split(',')
          .map((s) => s.trim().toLowerCase())
          .filter(Boolean)
          .sort()
}
export function selectingKey(
  names: readonly string[],
  fields: Readonly<Record<string, string | readonly string[] | undefined>>,
): string {
  return JSON.stringify(names.map((n) => fields[n] ?? null))
}
