export function forwardedFields(_i: { peer: string; isTrusted: boolean; scheme: string; headers: unknown }): {
  fields: string[]
} {
  return { fields: [] }
}
