/** Lengths of time in milliseconds, so that a number carries its unit: `10 * minute`. */
export const second = 1000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

/** `date` moved by `milliseconds`. */
export function after(date: Date, milliseconds: number): Date {
  return new Date(date.getTime() + milliseconds)
}

/** Seconds since 1970, as JWTs and OAuth count them. */
export function unixSeconds(date: Date): number {
  return Math.floor(date.getTime() / second)
}
