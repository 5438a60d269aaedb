export function isHeuristicallyCacheable(s: number): boolean {
  return [200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501].includes(s)
}
