// Package shop is all of the shop that does not depend on the version of Logto's Go SDK.
package shop

import (
	"fmt"
	"html"
	"log"
	"net"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
)

// Gate is the SDK's client for one request, with the few methods that this shop calls.
type Gate interface {
	IsAuthenticated() bool
	Claims() (Claims, error)
	UserInfo() (any, error)
	SignIn(redirectURI string) (string, error)
	HandleSignInCallback(request *http.Request) error
	SignOut(homeURI string) (string, error)
	ResourceToken(resource string) (string, error)
	OrganizationToken(id string) (string, error)
}

// SDK is one version of it: how to open a gate, and the name under which it keeps its access tokens.
type SDK struct {
	Open            func(Settings, *Storage) Gate
	AccessTokensKey string
}

// Claims are what the shop shows of a customer.
type Claims struct{ Subject, Email string }

type shop struct {
	settings Settings
	sdk      SDK
}

// Run serves the shop until it fails.
func Run(sdk SDK) {
	s := shop{settings: settings(), sdk: sdk}
	router := gin.New()
	router.Use(gin.Recovery())
	// Tokens are larger than a cookie may be: the cookie carries a key, memory keeps the rest.
	router.Use(sessions.Sessions("shop-session", memstore.NewStore([]byte(s.settings.AppSecret))))
	router.GET("/", s.home)
	router.GET("/sign-in", s.signIn)
	router.GET("/callback", s.callback)
	router.GET("/sign-out", s.signOut)
	router.GET("/user-info", s.userInfo)
	router.GET("/things", s.things)
	router.GET("/organizations/:id/members", s.members)

	listener, err := net.Listen("tcp", "127.0.0.1:"+s.settings.Port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"url\":%q}\n", s.settings.BaseURL)
	log.Fatal(router.RunListener(listener))
}

func (s shop) gate(c *gin.Context) Gate {
	return s.sdk.Open(s.settings, &Storage{sessions.Default(c)})
}

func (s shop) home(c *gin.Context) {
	gate := s.gate(c)
	page := `<!doctype html><html lang="en"><meta charset="utf-8"><title>Bookstore</title><h1>Bookstore</h1>`
	if !gate.IsAuthenticated() {
		page += `<p id="state">You are not signed in.</p><p><a href="/sign-in">Sign In</a></p>`
	} else if claims, err := gate.Claims(); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	} else {
		page += `<p id="state">You are signed in as <b id="email">` + html.EscapeString(claims.Email) +
			`</b> (<code id="sub">` + html.EscapeString(claims.Subject) + `</code>).</p>` +
			`<p><a href="/sign-out">Sign Out</a></p>`
	}
	c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(page))
}

func (s shop) signIn(c *gin.Context) {
	uri, err := s.gate(c).SignIn(s.settings.BaseURL + "/callback")
	sendOn(c, uri, err)
}

func (s shop) callback(c *gin.Context) {
	sendOn(c, "/", s.gate(c).HandleSignInCallback(c.Request))
}

func (s shop) signOut(c *gin.Context) {
	uri, err := s.gate(c).SignOut(s.settings.BaseURL)
	sendOn(c, uri, err)
}

// userInfo asks the identity server itself: what it answers is true now, not what was true at sign-in.
func (s shop) userInfo(c *gin.Context) {
	if c.Query("renew") != "" {
		// Without an access token the SDK gets a new one for its refresh token.
		sessions.Default(c).Delete(s.sdk.AccessTokensKey)
	}
	info, err := s.gate(c).UserInfo()
	if err != nil {
		c.JSON(http.StatusUnauthorized, gin.H{"error": err.Error()})
		return
	}
	if err := sessions.Default(c).Save(); err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, info)
}

// sendOn keeps what the SDK put into the session before the browser leaves.
func sendOn(c *gin.Context, uri string, err error) {
	if err == nil {
		err = sessions.Default(c).Save()
	}
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.Redirect(http.StatusTemporaryRedirect, uri)
}
