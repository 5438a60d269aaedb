export function requestFields(raw: readonly string[]): string[] {
  return [...raw]
}
export function conditionalFields(_raw: readonly string[]): string[] {
  return []
}
