/** What Linux tells of a process and all its children (proc(5)). */

import { readdirSync, readFileSync } from 'node:fs'

/**
 * CPU time that a process, its children and those of them that have ended have used, user and system, in microseconds.
 * It is counted in clock ticks of 10 ms: of little use for less than a second.
 */
export function cpuMicroseconds(pid: number): number {
  return sumOver(pid, (each) => {
    const fields = readFileSync(`/proc/${each}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return fields.slice(11, 15).reduce((total, ticks) => total + Number(ticks) * 10_000, 0)
  })
}

/** Resident memory of a process and its children in bytes; what they share is counted for each. */
export function residentBytes(pid: number): number {
  return sumOver(pid, (each) => {
    const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${each}/status`, 'utf8'))?.[1] ?? '0'
    return Number(kilobytes) * 1024
  })
}

function sumOver(pid: number, measure: (pid: number) => number): number {
  return childrenOf(pid).reduce((total, child) => total + sumOver(child, measure), measure(pid))
}

/** Of any of its threads. */
function childrenOf(pid: number): number[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  const lists = threads.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8'))
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number))
}
