export default function Sent() {
  return (
    <>
      <h1>Check your mail</h1>
      <p>We have sent you a link. It is good for ten minutes, once.</p>
    </>
  )
}
