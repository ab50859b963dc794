// A small web shop that signs its customers in at Sekisho: gin, sessions in memory, OpenID Connect.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"

	"github.com/gin-contrib/sessions"
	"github.com/gin-contrib/sessions/memstore"
	"github.com/gin-gonic/gin"
)

// Settings come from the environment only, so that the same binary runs anywhere.
type Settings struct {
	Endpoint  string
	AppID     string
	AppSecret string
	BaseURL   string
	Port      string
}

func settings() Settings {
	port := fallback(os.Getenv("PORT"), "3000")
	return Settings{
		Endpoint:  fallback(os.Getenv("ENDPOINT"), "http://localhost:3001"),
		AppID:     os.Getenv("APP_ID"),
		AppSecret: os.Getenv("APP_SECRET"),
		BaseURL:   fallback(os.Getenv("BASE_URL"), "http://localhost:"+port),
		Port:      port,
	}
}

func fallback(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func main() {
	s := settings()
	if s.AppID == "" || s.AppSecret == "" {
		log.Fatal("set APP_ID and APP_SECRET (sekisho app create prints both)")
	}
	gate, err := openGate(context.Background(), s)
	if err != nil {
		log.Fatal(err)
	}

	router := gin.New()
	router.Use(gin.Recovery())
	// Tokens are larger than a cookie may be: the cookie carries a key, memory keeps the rest.
	router.Use(sessions.Sessions("shop-session", memstore.NewStore([]byte(s.AppSecret))))

	router.GET("/", func(c *gin.Context) {
		c.Data(http.StatusOK, "text/html; charset=utf-8", []byte(homePage(claimsOf(sessions.Default(c)))))
	})
	router.GET("/sign-in", gate.signIn)
	router.GET("/callback", gate.callback)
	router.GET("/sign-out", gate.signOut)
	router.GET("/user-info", gate.userInfo)

	listener, err := net.Listen("tcp", "127.0.0.1:"+s.Port)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("{\"url\":%q}\n", s.BaseURL)
	log.Fatal(router.RunListener(listener))
}
