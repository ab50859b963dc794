package main

import (
	"encoding/json"
	"html"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gin-contrib/sessions"
	"golang.org/x/oauth2"
)

// Claims are what the shop shows of a customer.
type Claims struct {
	Subject string `json:"sub"`
	Email   string `json:"email"`
	Name    string `json:"name"`
}

func keep(session sessions.Session, token *oauth2.Token, idToken *oidc.IDToken) error {
	var claims Claims
	if err := idToken.Claims(&claims); err != nil {
		return err
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return err
	}
	session.Set("claims", string(text))
	return keepToken(session, token)
}

func keepToken(session sessions.Session, token *oauth2.Token) error {
	text, err := json.Marshal(token)
	if err != nil {
		return err
	}
	session.Set("token", string(text))
	return session.Save()
}

func claimsOf(session sessions.Session) *Claims {
	text, _ := session.Get("claims").(string)
	var claims Claims
	if text == "" || json.Unmarshal([]byte(text), &claims) != nil {
		return nil
	}
	return &claims
}

func tokenOf(session sessions.Session) *oauth2.Token {
	text, _ := session.Get("token").(string)
	var token oauth2.Token
	if text == "" || json.Unmarshal([]byte(text), &token) != nil {
		return nil
	}
	return &token
}

func homePage(claims *Claims) string {
	head := `<!doctype html><html lang="en"><meta charset="utf-8"><title>Bookstore</title><h1>Bookstore</h1>`
	if claims == nil {
		return head + `<p id="state">You are not signed in.</p><p><a href="/sign-in">Sign In</a></p>`
	}
	return head + `<p id="state">You are signed in as <b id="email">` + html.EscapeString(claims.Email) +
		`</b> (<code id="sub">` + html.EscapeString(claims.Subject) + `</code>).</p><p><a href="/sign-out">Sign Out</a></p>`
}
