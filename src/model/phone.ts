/** E.164 as it is kept: digits, without the plus. */
const phoneForm = /^[1-9]\d{1,14}$/

export function normalPhone(phone: string): string {
  return phone.replace(/^\+/, '').replaceAll(' ', '')
}

export function isPhone(phone: string): boolean {
  return phoneForm.test(phone)
}
