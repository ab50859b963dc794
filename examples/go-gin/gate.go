package main

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"golang.org/x/oauth2"
)

// Gate is the shop's side of the conversation with the identity server.
type Gate struct {
	settings   Settings
	oauth      oauth2.Config
	provider   *oidc.Provider
	endSession string
	revocation string
}

func openGate(ctx context.Context, s Settings) (*Gate, error) {
	provider, err := oidc.NewProvider(ctx, s.Endpoint+"/oidc")
	if err != nil {
		return nil, err
	}
	var also struct {
		EndSession string `json:"end_session_endpoint"`
		Revocation string `json:"revocation_endpoint"`
	}
	if err := provider.Claims(&also); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return &Gate{
		settings: s,
		oauth: oauth2.Config{
			ClientID:     s.AppID,
			ClientSecret: s.AppSecret,
			Endpoint:     endpoint,
			RedirectURL:  s.BaseURL + "/callback",
			Scopes:       []string{oidc.ScopeOpenID, oidc.ScopeOfflineAccess, "profile", "email"},
		},
		provider:   provider,
		endSession: also.EndSession,
		revocation: also.Revocation,
	}, nil
}

func (g *Gate) signIn(c *gin.Context) {
	session := sessions.Default(c)
	state, verifier := oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	session.Set("state", state)
	session.Set("verifier", verifier)
	if err := session.Save(); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	// OpenID Connect Core § 11: offline_access needs prompt=consent.
	c.Redirect(http.StatusTemporaryRedirect, g.oauth.AuthCodeURL(
		state,
		oauth2.S256ChallengeOption(verifier),
		oauth2.SetAuthURLParam("prompt", "consent"),
	))
}

func (g *Gate) callback(c *gin.Context) {
	session := sessions.Default(c)
	state, _ := session.Get("state").(string)
	verifier, _ := session.Get("verifier").(string)
	session.Delete("state")
	session.Delete("verifier")
	if state == "" || c.Query("state") != state {
		c.String(http.StatusBadRequest, "this answer belongs to no sign-in of this browser")
		return
	}
	if refused := c.Query("error"); refused != "" {
		c.String(http.StatusForbidden, refused)
		return
	}
	// Logto's SDKs send client_id in the body beside Basic; so do we, to keep that way walked.
	token, err := g.oauth.Exchange(c, c.Query("code"),
		oauth2.VerifierOption(verifier), oauth2.SetAuthURLParam("client_id", g.settings.AppID))
	if err != nil {
		c.String(http.StatusBadGateway, err.Error())
		return
	}
	raw, _ := token.Extra("id_token").(string)
	idToken, err := g.provider.Verifier(&oidc.Config{ClientID: g.settings.AppID}).Verify(c, raw)
	if err != nil {
		c.String(http.StatusBadGateway, err.Error())
		return
	}
	if err := keep(session, token, idToken); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.Redirect(http.StatusTemporaryRedirect, "/")
}

func (g *Gate) signOut(c *gin.Context) {
	session := sessions.Default(c)
	token := tokenOf(session)
	session.Clear()
	if err := session.Save(); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	if token != nil {
		g.revoke(c, token.RefreshToken)
	}
	c.Redirect(http.StatusTemporaryRedirect, g.endSession+"?"+url.Values{
		"client_id":                {g.settings.AppID},
		"post_logout_redirect_uri": {g.settings.BaseURL},
	}.Encode())
}

// userInfo asks the identity server itself, renewing the access token when it has run out:
// what it answers is true now, not what was true at sign-in.
func (g *Gate) userInfo(c *gin.Context) {
	token := tokenOf(sessions.Default(c))
	if token == nil {
		c.JSON(http.StatusUnauthorized, gin.H{"error": "not_signed_in"})
		return
	}
	if c.Query("renew") != "" {
		token = &oauth2.Token{RefreshToken: token.RefreshToken}
	}
	fresh, err := g.oauth.TokenSource(c, token).Token()
	if err != nil {
		c.JSON(http.StatusUnauthorized, gin.H{"error": "refresh_refused", "detail": err.Error()})
		return
	}
	if err := keepToken(sessions.Default(c), fresh); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	info, err := g.provider.UserInfo(c, oauth2.StaticTokenSource(fresh))
	if err != nil {
		c.JSON(http.StatusUnauthorized, gin.H{"error": "userinfo_refused", "detail": err.Error()})
		return
	}
	var claims map[string]any
	if err := info.Claims(&claims); err != nil {
		c.String(http.StatusBadGateway, err.Error())
		return
	}
	c.JSON(http.StatusOK, claims)
}

// A refused revocation must not keep anybody signed in here, so its answer is not looked at.
func (g *Gate) revoke(ctx context.Context, refreshToken string) {
	form := url.Values{"client_id": {g.settings.AppID}, "token": {refreshToken}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, g.revocation, strings.NewReader(form.Encode()))
	if err != nil {
		return
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.SetBasicAuth(url.QueryEscape(g.settings.AppID), url.QueryEscape(g.settings.AppSecret))
	if response, err := http.DefaultClient.Do(request); err == nil {
		response.Body.Close()
	}
}
